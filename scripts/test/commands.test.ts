import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

/** The scripts are plain JavaScript, which must run with nothing installed; here they get the types that they have. */
async function load<T>(name: string): Promise<T> {
  return (await import(new URL(`../lib/${name}`, import.meta.url).href)) as T;
}

interface Machine {
  readonly url?: string;
  hasDocker(): boolean;
  findServer(): string | undefined;
  canInstall(): boolean;
}
const { findRedis } = await load<{ findRedis: (machine: Machine) => unknown }>('find-redis.mjs');
const { explainNothing, summarize } = await load<{
  explainNothing: (report: unknown, args: readonly string[]) => string | undefined;
  summarize: (report: unknown, exitCode: number) => { line: string; isGood: boolean };
}>('test-summary.mjs');
const { resolvePatterns } = await load<{
  resolvePatterns: (root: string, args: readonly string[]) => { args: string[]; missing: string[] };
}>('test-files.mjs');
const { isLockfileOutdated } = await load<{
  isLockfileOutdated: (packageManager: string, directory: string) => boolean;
}>('lockfile.mjs');
const { banner } = await load<{ banner: (settings: object) => string }>('banner.mjs');
const { findBrokenRules } = await load<{ findBrokenRules: (root: string) => string[] }>('import-rules.mjs');

describe('where npm test gets its Redis from', () => {
  const everything: Machine = {
    url: 'redis://example:1',
    hasDocker: () => true,
    findServer: () => '/usr/bin/redis-server',
    canInstall: () => true,
  };
  const without = { ...everything, url: '' };

  it.each<[string, Machine, unknown]>([
    ['TEST_REDIS_URL first', everything, { kind: 'url', url: 'redis://example:1' }],
    ['then Docker', without, expect.objectContaining({ kind: 'docker' })],
    [
      'then a server on the PATH',
      { ...without, hasDocker: () => false },
      { kind: 'binary', binary: '/usr/bin/redis-server' },
    ],
    ['then a package', { ...without, hasDocker: () => false, findServer: () => undefined }, { kind: 'install' }],
    [
      'and otherwise nowhere',
      { hasDocker: () => false, findServer: () => undefined, canInstall: () => false },
      undefined,
    ],
  ])('%s', (_, machine, expected) => {
    expect(findRedis(machine)).toEqual(expected);
  });
});

describe('the banner of npm start', () => {
  const settings = {
    url: 'http://127.0.0.1:3000',
    mode: 'redis',
    sources: ['instances', 'products'],
    items: 0,
    hasApiKeys: false,
    seconds: 1,
  };

  it('says that the sample upstream is one', () => {
    const text = banner({ ...settings, upstream: 'http://127.0.0.1:9', isSample: true, items: 5, itemId: 'a' });
    expect(text).toContain('http://127.0.0.1:9 (the sample upstream; set NOVITA_API_BASE_URL for a real one)');
    expect(text).toContain('5 instances mirrored');
    expect(text).toContain('/v1/sources/instances/items/a');
  });

  it.each([
    [
      'without an upstream, as in production',
      { upstream: null, isSample: true },
      'nothing is mirrored; set NOVITA_API_BASE_URL',
    ],
    ['without a source', { upstream: null, isSample: true, sources: [] }, 'no source is turned on'],
  ])('claims no mirror %s', (_, given, line) => {
    const text = banner({ ...settings, ...given });
    expect(text).toContain(line);
    expect(text).not.toMatch(/sample|sources\/instances/);
  });
});

// Whoever had added a dependency and forgot the lockfile was sent to look for a registry that could not be reached.
describe('an installation that failed', () => {
  it.each([
    ['blames the lockfile where that lacks what a package.json asks for', { 'left-pad': '1.3.0' }, true],
    ['does not where it fits', {}, false],
  ])('%s', (_, dependencies, expected) => {
    const root = new URL('../../package.json', import.meta.url);
    const { packageManager } = JSON.parse(readFileSync(root, 'utf8')) as { packageManager: string };
    const directory = mkdtempSync(join(tmpdir(), 'holdfast-lockfile-'));
    writeFileSync(join(directory, 'package.json'), JSON.stringify({ name: 'demo', dependencies }));
    writeFileSync(join(directory, 'pnpm-lock.yaml'), "lockfileVersion: '9.0'\n\nimporters:\n\n  .: {}\n");
    expect(isLockfileOutdated(packageManager, directory)).toBe(expected);
    rmSync(directory, { recursive: true });
  });
});

describe('the closing line of npm test', () => {
  const file = (status: string, ...tests: string[]): unknown => ({
    status,
    assertionResults: tests.map((test) => ({ status: test })),
  });

  it.each([
    ['counts tests', [file('passed', 'passed', 'passed')], 0, '2 passed, 0 failed', true],
    ['counts failures', [file('failed', 'passed', 'failed')], 1, '1 passed, 1 failed', false],
    ['names what was skipped', [file('passed', 'passed', 'skipped', 'todo')], 0, '1 passed, 0 failed, 2 skipped', true],
    ['counts a file that cannot be loaded', [file('failed'), file('passed', 'passed')], 1, '1 passed, 1 failed', false],
    ['counts an error outside of tests', [file('passed', 'passed')], 1, '1 passed, 1 failed', false],
    ['does not call nothing a success', [], 0, '0 passed, 1 failed', false],
  ])('%s', (_, testResults, exitCode, line, isGood) => {
    expect(summarize({ testResults }, exitCode)).toEqual({ line, isGood });
  });

  it('survives a missing report', () => {
    expect(summarize(undefined, 1)).toEqual({ line: '0 passed, 1 failed', isGood: false });
  });
});

describe('npm test -- PATTERN', () => {
  const root = mkdtempSync(join(tmpdir(), 'holdfast-patterns-'));
  const files = [
    'packages/queue/test/outbox/one.test.ts',
    'packages/queue/test/two.test.ts',
    'apps/api/test/one.test.ts',
    'scripts/test/start.test.ts',
  ];
  for (const file of [...files, 'packages/queue/test/outbox/fixture.ts']) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), '');
  }
  for (const workspace of ['packages/queue', 'apps/api']) writeFileSync(join(root, workspace, 'package.json'), '{}');
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  const [outbox = '', two = '', api = '', script = ''] = files.map((file) => join(root, file));

  it.each([
    ['a part of the path in the repository', ['queue/test/outbox'], [outbox]],
    ['the name of a file, wherever it is', ['one.test'], [outbox, api]],
    ['a whole path', [two], [two]],
    ['a path from here, and a line', ['./packages/queue/test/two.test.ts:7'], [`${two}:7`]],
    ['what is in no package', ['scripts/'], [script]],
    ['options, and their values', ['-t', 'two', '--bail=1', 'API'], ['-t', 'two', '--bail=1', api]],
    ['nothing', [], []],
  ])('takes %s', (_, args, expected) => {
    expect(resolvePatterns(root, args)).toEqual({ args: expect.toSatisfy(sameAs(expected)) as unknown, missing: [] });
  });

  it('names the patterns that no path holds', () => {
    expect(resolvePatterns(root, ['two', 'nowhere', '-t', 'x', '--retry', '3'])).toMatchObject({
      missing: ['nowhere'],
    });
  });

  it('names the name that no test has', () => {
    const testResults = [{ status: 'passed', assertionResults: [{ status: 'skipped' }] }];
    for (const args of [['queue', '-t', 'nobody'], ['--testNamePattern=nobody']]) {
      expect(explainNothing({ testResults }, args)).toContain('has a name that fits "nobody"');
    }
    expect(explainNothing({ testResults }, ['queue'])).toBe('No test has run: all were skipped.');
    const ran = [...testResults, { status: 'passed', assertionResults: [{ status: 'passed' }] }];
    expect(explainNothing({ testResults: ran }, ['-t', 'x'])).toBeUndefined();
    expect(explainNothing(undefined, [])).toBeUndefined();
  });
});

/** In any order: a directory is read as it comes. */
const sameAs = (expected: readonly string[]) => (actual: readonly string[]) =>
  JSON.stringify(actual.toSorted()) === JSON.stringify(expected.toSorted());

describe('the import rules', () => {
  const root = mkdtempSync(join(tmpdir(), 'holdfast-rules-'));
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  function check(files: Readonly<Record<string, string>>): string[] {
    rmSync(root, { recursive: true, force: true });
    const all = {
      'packages/a/package.json': '{}',
      'apps/b/package.json': '{}',
      'examples/c/package.json': '{}',
      ...files,
    };
    for (const [name, text] of Object.entries(all)) {
      mkdirSync(dirname(join(root, name)), { recursive: true });
      writeFileSync(join(root, name), text);
    }
    return findBrokenRules(root);
  }

  it.each([
    ['packages/a/src/x.ts', "import { Redis } from 'ioredis';", 2],
    ['packages/a/src/x.ts', "import {\n  Redis,\n} from 'ioredis';", 2],
    ['packages/a/src/x.ts', "import { Registry } from 'prom-client';", 1],
    ['packages/a/src/x.ts', 'const { PORT } = process.env;', 1],
    ['packages/a/src/x.ts', "import { useRedis } from '@holdfast/testing';", 1],
    ['packages/a/src/x.ts', "await redis.call('KEYS', '*');", 1],
    ['packages/a/lua/x.lua', "return redis.call('keys', '*')", 1],
    ['apps/b/src/x.ts', 'app.get(path, async ({ params: { id }, signal }, reply) => wait(signal));', 1],
    ['apps/b/src/x.ts', 'app.get(path, async (request) => wait(request.signal));', 1],
    ['apps/b/src/x.ts', 'app.get(path, { handlerTimeout: 5 }, handler);', 1],
    ['apps/b/src/x.ts', "request.raw.once('close', stop);", 1],
    ['packages/a/src/utils.ts', '', 1],
    ['packages/a/src/helpers/x.ts', '', 1],
    ['packages/a/package.json', '{"dependencies":{"@holdfast/testing":"workspace:*"}}', 1],
  ])('refuse %s with %s', (file, text, count) => {
    expect(check({ [file]: text })).toHaveLength(count);
  });

  it.each([
    ['packages/queue/src/x.ts', "import type { Redis } from 'ioredis';"],
    ['packages/redis-core/src/x.ts', "import { Redis } from 'ioredis';"],
    ['packages/telemetry/src/x.ts', "import { Registry } from 'prom-client';"],
    ['packages/config/src/x.ts', 'process.env'],
    ['apps/b/src/server.ts', 'loadConfig({ env: process.env })'],
    ['packages/a/src/x.ts', '/**\n * Never reads process.env, never sends KEYS.\n */\n// process.env'],
    ['packages/a/src/x.ts', 'Object.keys(record); map.keys();'],
    ['apps/b/src/x.ts', 'app.get(path, async ({ ended }) => wait({ signal: ended }));'],
    ['packages/a/test/x.test.ts', "import { useRedis } from '@holdfast/testing';"],
    ['packages/a/package.json', '{"devDependencies":{"@holdfast/testing":"workspace:*"}}'],
  ])('allow %s with %s', (file, text) => {
    const manifest = file.endsWith('package.json')
      ? {}
      : { [`${file.split('/').slice(0, 2).join('/')}/package.json`]: '{}' };
    expect(check({ ...manifest, [file]: text })).toEqual([]);
  });

  it('name the line', () => {
    expect(check({ 'packages/a/src/x.ts': '/*\n\n*/\nprocess.env' })).toEqual([
      expect.stringMatching(/^packages\/a\/src\/x\.ts:4: process\.env/),
    ]);
  });
});
