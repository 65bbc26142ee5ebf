import { spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { oldestNode } from '../src/require-node.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const processes = ['apps/api/dist/server.js', 'apps/api/dist/forward.js', 'apps/worker/dist/main.js'];

interface Ended {
  readonly status: number | null;
  readonly stderr: string;
}

function run(node: string, ...args: string[]): Ended {
  return spawnSync(node, args, { cwd: root, encoding: 'utf8', env: {}, timeout: 60_000 });
}

/** A Node below the oldest, as it comes first on the PATH of many machines. */
function findOldNode(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules'));
  return folders
    .map((folder) => join(folder, 'node'))
    .filter((path) => existsSync(path))
    .find((path) => {
      const version = spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout.trim().slice(1);
      return run(process.execPath, '--input-type=module', '--eval', asking(version)).status === 1;
    });
}

const asking = (version: string): string =>
  `const { requireNode } = await import('${new URL('../src/require-node.ts', import.meta.url).href}'); requireNode('${version}');`;

describe('the Node of a process', () => {
  it.each(['18.20.8', '20.20.2', '22.18.0', '21.99.9'])('is refused when it is %s, with a sentence', (version) => {
    const { status, stderr } = run(process.execPath, '--input-type=module', '--eval', asking(version));
    expect([status, stderr]).toEqual([1, `Holdfast needs Node 22.19 or newer; this is ${version}.\n`]);
  });

  it.each(['22.19.0', '22.20.1', '23.0.0', '24.21.0', '26.0.0-nightly1'])('may be %s', (version) => {
    const { status, stderr } = run(process.execPath, '--input-type=module', '--eval', asking(version));
    expect([status, stderr]).toEqual([0, '']);
  });

  const oldNode = findOldNode();
  it.skipIf(oldNode === undefined).each(processes)('is asked for by %s before an import of it fails', (file) => {
    const { status, stderr } = run(oldNode ?? '', file);
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/^Holdfast needs Node 22\.19 or newer; this is [\d.]+\.\n$/),
    ]);
  });

  // Whatever runs them: they bring the Node of everything else along.
  it.each(['start', 'test', 'check', 'oldest-node'])('is too old for npm run %s below 20, which says so', (script) => {
    const pretend = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.8' } });";
    const { status, stderr } = run(
      process.execPath,
      '--import',
      `data:text/javascript,${encodeURIComponent(pretend)}`,
      `scripts/${script}.mjs`,
    );
    expect([status, stderr.trim()]).toEqual([
      1,
      'Node 18.20.8 is too old: install Node 20 or later (https://nodejs.org).',
    ]);
  });

  it('is what each package says that it needs; the root brings its own', () => {
    const enginesOf = (file: string): string | undefined =>
      (JSON.parse(readFileSync(join(root, file), 'utf8')) as { engines?: { node?: string } }).engines?.node;
    const manifests = globSync('{apps,packages,examples,infra}/*/package.json', { cwd: root });
    expect(manifests.length).toBeGreaterThan(12);
    for (const file of [...manifests, 'benchmarks/package.json']) {
      expect([file, enginesOf(file)]).toEqual([file, `>=${oldestNode}`]);
    }
    expect(enginesOf('package.json')).toBe('>=20');
  });
});
