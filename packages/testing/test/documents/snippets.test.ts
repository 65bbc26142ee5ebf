import { execFile } from 'node:child_process';
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
import { promisify } from 'node:util';
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
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');
  // Each in a folder of its own that has the packages of its page.
  for (const snippet of all) {
    offerPackages(folderOf(snippet), join(root, ownerOf(snippet.path)));
    writeFileSync(join(folderOf(snippet), 'snippet.ts'), programOf(snippet, { redisPort: redis.port, upstreamPort }));
  }
});
afterAll(async () => {
  await redis.stop();
  rmSync(directory, { recursive: true, force: true });
});

const folderOf = ({ name }: Snippet): string => join(directory, name.replaceAll(/\W/g, '-'));

/** Runs it in its folder, with the Redis of this test. */
async function run(snippet: Snippet): Promise<{ code: number | null; output: string }> {
  const cwd = folderOf(snippet);
  const node = spawnNode(join(cwd, 'snippet.ts'), { cwd, env: { TEST_REDIS_URL: redis.url } });
  const { code: exitCode } = await node.exited;
  return { code: exitCode, output: node.lines.join('\n') };
}

/** What a compiler says of programs, as strictly as of the packages, which are compiled elsewhere. */
async function compile(programs: readonly Snippet[]): Promise<string[]> {
  const tsconfig = {
    extends: join(root, 'tsconfig.base.json'),
    compilerOptions: {
      noEmit: true,
      composite: false,
      declaration: false,
      rewriteRelativeImportExtensions: false,
      allowImportingTsExtensions: true,
      typeRoots: [join(root, 'node_modules/@types')],
      // A page shows what there is, and does not do something with all of it.
      noUnusedLocals: false,
    },
    files: programs.map((program) => join(folderOf(program), 'snippet.ts')),
  };
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify(tsconfig));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const args = [tsc, '--project', directory, '--pretty', 'false'];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: directory }).catch(
    (error: { readonly stdout: string }) => error,
  );
  return stdout.split(/\n(?=\S)/).filter((error) => error.trim() !== '' && !error.startsWith('..'));
}

/** The package whose dependencies the programs of a page may import. */
function ownerOf(path: string): string {
  // A guide belongs to no package: what it imports, the modules have.
  if (path.startsWith('docs/')) return 'packages/modules';
  // It is read together with the modules, which the package itself does not know.
  if (path === 'packages/config/README.md') return 'apps/api';
  return dirname(path).replace(/\/docs$/, '');
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

  it('compile', async () => {
    // Those of the guide to handlers are files of an example, which is compiled with all packages.
    const typed = all.filter(({ language, path }) => language === 'ts' && path !== 'docs/guide/handlers.md');
    expect(await compile(typed)).toEqual([]);
  });

  it('have no other fence, but for the clients, whose test makes them first', () => {
    const others = pages().filter(
      ({ path, text }) =>
        path !== 'docs/guide/clients.md' &&
        /^ *```(?!(?:ts|js)$)(?:[jt]sx?|[cm][jt]s|typescript|javascript)$/m.test(text),
    );
    expect(others.map(({ path }) => path)).toEqual([]);
  });

  it('are all that this test has frames for', () => {
    const names = new Set(all.map(({ name }) => name));
    expect(Object.keys(frames).filter((name) => !names.has(name))).toEqual([]);
  });
});
