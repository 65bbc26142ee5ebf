import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, spawnNode, type SpawnedNode } from '../../src/index.ts';
import { page, root } from './pages.ts';
import { pattern, transcript } from './transcript.ts';

const run = promisify(execFile);
const aMirroredItem = '/v1/sources/instances/items/74b5ca4f9baa149a';

let port: string;
let directory: string;
const processes: SpawnedNode[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-documents-'));
  await writeFile(join(directory, 'holdfast.yaml'), yamlOf(page('README.md').text));
  const upstream = spawnNode(join(root, 'examples/upstream/src/main.ts'));
  processes.push(upstream);
  const [, upstreamUrl] = await upstream.waitForLine(/"url":"([^"]+)"/);
  const api = spawnNode(join(root, 'apps/api/src/server.ts'), {
    cwd: directory,
    env: { PORT: '0', NOVITA_API_BASE_URL: upstreamUrl, HTTP_DELIVERY_ALLOW_PRIVATE: 'true' },
  });
  processes.push(api);
  [, port = ''] = await api.waitForLine(/"address":"http:\/\/127\.0\.0\.1:(\d+)"/);
  await eventually(
    async () => {
      const { status } = await fetch(`http://127.0.0.1:${port}${aMirroredItem}`);
      expect(status).toBe(200);
    },
    { intervalMs: 100 },
  );
});

afterAll(async () => {
  for (const child of processes.toReversed()) await child.kill('SIGTERM');
  await rm(directory, { recursive: true, force: true });
});

/** What the page says to write into `holdfast.yaml`. */
function yamlOf(text: string): string {
  return [...text.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, block]) => block).join('');
}

/** Runs a command of a page as a shell would, against the port of this test. */
async function print(command: string): Promise<string> {
  const here = command.replaceAll(/(localhost|127\.0\.0\.1):3000/g, `$1:${port}`);
  const { stdout } = await run('sh', ['-c', here.replace(/^curl /, 'curl -sS ')]);
  return stdout.replaceAll('\r', '').trim();
}

describe.each(['README.md', 'docs/guide/getting-started.md', 'docs/guide/managing-jobs.md'])(
  '%s does what it shows',
  (path) => {
    it.each(transcript(page(path).text).map(({ command, expected }) => [command, expected] as const))(
      '%s',
      async (command, expected) => {
        expect(await print(command)).toMatch(pattern(expected));
      },
    );
  },
);
