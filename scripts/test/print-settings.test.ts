import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnNode } from '@holdfast/testing';
import { afterAll, describe, expect, it } from 'vitest';

const script = new URL('../lib/print-settings.mjs', import.meta.url);

/** What `npm start` asks before it starts anything. */
describe('the settings of a start without an upstream', () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-settings-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    ['production', { HOLDFAST_EMBEDDED: 'true' }, false],
    ['development', {}, true],
  ])('say of %s, with %j, whether the sample may stand in: %j', async (environment, env, mayStartSample) => {
    const node = spawnNode(script, {
      execArgs: [],
      env: { NODE_ENV: environment, PORT: '0', HOLDFAST_DATA_DIR: folder, ...env },
    });
    expect(await node.exited, node.lines.join('\n')).toEqual({ code: 0, signal: null });
    const settings = JSON.parse(node.lines.join('\n')) as Readonly<Record<string, unknown>>;
    expect(settings).toMatchObject({ mode: 'embedded', upstream: null, mayStartSample });
    expect(settings['sources']).not.toEqual([]);
  });
});
