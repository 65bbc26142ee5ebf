import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort, spawnNode, startRedis, type RedisServer } from '../../src/index.ts';
import { pages, root } from './pages.ts';
import { frames, programOf, snippets, type Snippet } from './snippets.ts';

const all = pages().flatMap(snippets);
let redis: RedisServer;
let directory: string;
let upstreamPort: number;
beforeAll(async () => {
  [redis, upstreamPort] = await Promise.all([startRedis(), freePort()]);
  directory = mkdtempSync(join(tmpdir(), 'holdfast-snippets-'));
});
afterAll(async () => {
  await redis.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** Runs it in a folder of its own that has the packages of its page, with the Redis of this test. */
async function run(snippet: Snippet): Promise<{ code: number | null; output: string }> {
  const { name, path } = snippet;
  const cwd = join(directory, name.replaceAll(/\W/g, '-'));
  offerPackages(cwd, join(root, ownerOf(path)));
  const file = join(cwd, 'snippet.ts');
  writeFileSync(file, programOf(snippet, { redisPort: redis.port, upstreamPort }));
  const node = spawnNode(file, { cwd, env: { TEST_REDIS_URL: redis.url } });
  const { code: exitCode } = await node.exited;
  return { code: exitCode, output: node.lines.join('\n') };
}

/** The package whose dependencies the programs of a page may import. */
function ownerOf(path: string): string {
  // A guide belongs to no package: what it imports, the modules have.
  if (path.startsWith('docs/')) return 'packages/modules';
  // It is read together with the modules, which the package itself does not know.
  return path === 'packages/config/README.md' ? 'apps/api' : dirname(path);
}

/** What a program beside `owner` may import: what it depends on, and itself. */
function offerPackages(directoryOfProgram: string, owner: string): void {
  const modules = join(directoryOfProgram, 'node_modules');
  const { name } = JSON.parse(readFileSync(join(owner, 'package.json'), 'utf8')) as { name: string };
  mkdirSync(join(modules, '@holdfast'), { recursive: true });
  symlinkSync(owner, join(modules, name));
  for (const found of readdirSync(join(owner, 'node_modules'))) {
    const nested = found.startsWith('@') ? readdirSync(join(owner, 'node_modules', found)) : undefined;
    for (const each of nested?.map((part) => join(found, part)) ?? [found]) {
      mkdirSync(dirname(join(modules, each)), { recursive: true });
      if (!existsSync(join(modules, each))) symlinkSync(join(owner, 'node_modules', each), join(modules, each));
    }
  }
}

describe('the programs that the pages show', { timeout: 180_000 }, () => {
  it.concurrent.each(all.map((each) => [each.name, each] as const))('%s runs', async (_name, each) => {
    const { code, output } = await run(each);
    expect(code, output).toBe(0);
  });

  it('are all that this test has frames for', () => {
    const names = new Set(all.map(({ name }) => name));
    expect(Object.keys(frames).filter((name) => !names.has(name))).toEqual([]);
  });
});
