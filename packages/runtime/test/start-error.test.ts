import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEmbeddedBackend } from '@holdfast/queue/embedded';
import { spawnNode } from '@holdfast/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/** What whoever starts the process sees of it: one line for a person, and a code for a script. */
describe('embedded mode that cannot start', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-start-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const start = async (mebibytes: number) => {
    const node = spawnNode(new URL('fixtures/fails.ts', import.meta.url), {
      args: [String(mebibytes)],
      env: { NODE_ENV: 'test', HOLDFAST_DATA_DIR: folder },
      cwd: folder,
    });
    const { code } = await node.exited;
    expect(node.lines, node.lines.join('\n')).toHaveLength(1);
    const line = JSON.parse(node.lines[0] ?? '') as Readonly<Record<string, unknown>>;
    expect(line).toMatchObject({ level: 'fatal' });
    expect(line).not.toHaveProperty('err');
    return { code, says: line['code'], message: line['msg'] };
  };

  it('for want of memory ends with 78', async () => {
    const message = expect.stringMatching(
      /^Embedded mode needs 384 MiB of memory, .* 383 MiB: raise its limit/,
    ) as unknown;
    expect(await start(383)).toEqual({ code: 78, says: undefined, message });
  });

  it('in a folder that is none ends with 78', async () => {
    writeFileSync(join(folder, 'queue'), 'a file');
    const message = expect.stringMatching(/queue \(E[A-Z]+: .*\): it has to be a folder/) as unknown;
    expect(await start(384)).toEqual({ code: 78, says: 'EMBEDDED_FOLDER_UNUSABLE', message });
  });

  it('in a folder that another process uses ends with 75, as that may pass', async () => {
    mkdirSync(join(folder, 'queue'));
    const other = await createEmbeddedBackend({ directory: join(folder, 'queue') });
    const message = expect.stringMatching(
      new RegExp(`is in use by process ${process.pid}\\. Stop it first`),
    ) as unknown;
    try {
      expect(await start(384)).toEqual({ code: 75, says: 'EMBEDDED_FOLDER_LOCKED', message });
    } finally {
      await other.close();
    }
  });
});
