import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { spawnNode, type SpawnedNode } from '../../src/index.ts';
import { page, root } from './pages.ts';
import { pattern, transcript } from './transcript.ts';

const run = promisify(execFile);
const guide = 'docs/guide/handlers.md';
const example = 'examples/handlers';

/** The files that the guide has somebody write: blocks whose first line is a comment with the path. */
const files = [
  ...page(guide).text.matchAll(/^```(?:ts|yaml)\n(?:\/\/|#) (holdfast\.yaml|my-handlers\/\S+)\n([\s\S]*?)^```/gm),
].map(([, file = '', text = '']) => ({ file, text: text.trimStart() }));

let directory: string;
let api: SpawnedNode;
let port: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-handlers-'));
  for (const { file, text } of files) {
    await mkdir(dirname(join(directory, file)), { recursive: true });
    await writeFile(join(directory, file), text);
  }
  api = spawnNode(join(root, 'apps/api/src/server.ts'), { cwd: directory, env: { PORT: '0' } });
  [, port = ''] = await api.waitForLine(/"address":"http:\/\/127\.0\.0\.1:(\d+)".*"ready"/);
});
afterAll(async () => {
  await api.kill('SIGTERM');
  await rm(directory, { recursive: true, force: true });
});

describe('the guide to handlers, followed in an empty folder', () => {
  it('has the files of the example', async () => {
    expect(files.map(({ file }) => file)).toEqual([
      'holdfast.yaml',
      'my-handlers/mail.queue.ts',
      'my-handlers/mail.handler.ts',
    ]);
    for (const { file, text } of files) expect(await readFile(join(root, example, file), 'utf8')).toBe(text);
  });

  const steps = [guide, `${example}/README.md`].flatMap((path) => transcript(page(path).text));
  it.each(steps.map(({ command, expected }) => [command, expected] as const))('%s', async (command, expected) => {
    const here = command.replaceAll('localhost:3000', `127.0.0.1:${port}`).replace(/^curl /, 'curl -sS ');
    const { stdout } = await run('sh', ['-c', here]);
    expect(stdout.trim()).toMatch(pattern(expected));
  });
});
