import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort, startRedis, type RedisServer } from '../../src/index.ts';
import { page } from '../documents/pages.ts';
import { programOf, snippets, type Snippet, type Surroundings } from '../documents/snippets.ts';
import { installLines } from './install-lines.ts';
import { Project } from './project.ts';
import { startRegistry, type Registry } from './registry.ts';
import { packPublished, publishedFolders, type Tarball } from './tarballs.ts';

const folders = publishedFolders();
const readmes = folders.map((folder) => page(`${folder}/README.md`));
/**
 * The older one skips declarations, as most projects have it do: those of typebox take it 15 s of a core. Several checkers of the
 * newer one would each check what they share.
 */
const compilers: readonly (readonly [string, ...flags: string[]])[] = [
  ['node_modules/typescript', '--checkers', '1'],
  ['infra/typescript/node_modules/typescript-5.9', '--skipLibCheck'],
];

let directory: string;
let tarballs: readonly Tarball[];
let registry: Registry;
let redis: RedisServer;
let surroundings: Surroundings;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-published-'));
  mkdirSync(join(directory, 'tarballs'));
  const [server, upstreamPort] = await Promise.all([startRedis(), freePort()]);
  redis = server;
  surroundings = { redisPort: redis.port, upstreamPort };
  tarballs = await packPublished(join(directory, 'tarballs'));
  registry = await startRegistry(tarballs);
});
afterAll(async () => {
  await registry.stop();
  await redis.stop();
  rmSync(directory, { recursive: true, force: true });
});

describe('what npm gets', () => {
  it('is each package that is not private', () => {
    expect(tarballs.map(({ manifest }) => manifest.name).toSorted()).toEqual(
      folders.map((folder) => folder.replace('packages/', '@holdfast/')).toSorted(),
    );
  });

  it('is what is compiled, with what it reads, and nothing else', () => {
    const expected =
      /^(?:LICENSE|README\.md|package\.json|dist\/(?:[\w-]+\/)*[\w-]+\.(?:js|js\.map|d\.ts)|docs\/[\w-]+\.md|lua\/[\w-]+\.lua|template\/[\w.-]+\.sqlar)$/;
    for (const { manifest, entries } of tarballs) {
      expect(
        entries.filter((entry) => !expected.test(entry)),
        manifest.name,
      ).toEqual([]);
      expect(entries).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'package.json', 'dist/index.js']));
    }
    const entriesOf = (name: string): string =>
      tarballs.find(({ manifest }) => manifest.name === name)?.entries.join('\n') ?? '';
    expect(entriesOf('@holdfast/cache')).toContain('lua/cache-write.lua');
    expect(entriesOf('@holdfast/queue')).toContain('lua/guarded-add.lua');
    expect(entriesOf('@holdfast/queue')).toMatch(/template\/pglite-.*\.sqlar/);
  });

  it('refers to nothing that only the repository has', () => {
    for (const { manifest } of tarballs) expect(JSON.stringify(manifest.exports)).not.toContain('source');
    for (const { manifest } of tarballs) expect(JSON.stringify(manifest)).not.toMatch(/"(?:workspace|catalog):/);
  });

  it('is found right by publint', async () => {
    for (const { file, manifest } of tarballs) {
      const bytes = new Uint8Array(readFileSync(file)).buffer;
      const { messages, pkg } = await publint({ pack: { tarball: bytes }, strict: true });
      expect(
        messages.map((message) => formatMessage(message, pkg)),
        manifest.name,
      ).toEqual([]);
    }
  });
});

describe('a producer on Redis, installed as the README of the queue says', () => {
  let project: Project;
  beforeAll(async () => {
    project = new Project(join(directory, 'producer'));
    const [packages = [], types = []] = installLines(page('packages/queue/README.md'));
    await project.install([...packages, ...types], registry);
  });

  it('has only what it needs, and downloads nothing that this repository has not', () => {
    const installed = project.installed();
    expect(installed).toContain('@holdfast/queue');
    expect(installed).toContain('bullmq');
    expect([...installed].filter((name) => /pglite|upstash/.test(name))).toEqual([]);
    expect(registry.downloads.filter((name) => !name.startsWith('@holdfast/'))).toEqual([]);
  });

  it('adds a job and runs it, whatever the conditions of its project are called', async () => {
    const [first] = snippets(page('packages/queue/README.md'));
    project.write('first.ts', programOf(first ?? expect.fail('It shows nothing.'), surroundings));
    const { code, output } = await project.run('first.ts', ['@holdfast/source']);
    expect(code, output).toBe(0);
    expect(output).toContain("sentTo: 'ada@example.com'");
  });

  it.each([
    {
      name: 'the embedded queue',
      program: `
        import { createEmbeddedBackend } from '@holdfast/queue/embedded';
        await createEmbeddedBackend({ directory: 'queue' });`,
      message:
        'The embedded queue needs the package @electric-sql/pglite, which is not installed: run `npm install @electric-sql/pglite`.',
    },
    {
      name: 'Redis over REST',
      program: `
        import { createRequire } from 'node:module';
        const { createEngine } = await import(createRequire(import.meta.resolve('@holdfast/queue')).resolve('@holdfast/redis-core'));
        createEngine({ name: 'cache', target: { kind: 'upstash', url: 'http://127.0.0.1:9', token: 'x' } });`,
      message:
        'Redis over the REST protocol of Upstash needs the package @upstash/redis, which is not installed: run `npm install @upstash/redis`.',
    },
  ])('is told what to install for $name', async ({ program, message }) => {
    project.write('without.mjs', program);
    const { code, output } = await project.run('without.mjs');
    expect(code).toBe(1);
    expect(output).toContain(`UnsupportedError: ${message}`);
  });
});

describe('a program with everything that the READMEs name', { timeout: 180_000 }, () => {
  const programs = readmes.flatMap(snippets);
  const fileOf = ({ name }: Snippet): string => `${name.replaceAll(/\W/g, '-')}/program.ts`;
  let project: Project;
  beforeAll(async () => {
    project = new Project(join(directory, 'everything'));
    // Whoever works on the same queues with BullMQ has it.
    await project.install(['bullmq', ...new Set(readmes.flatMap(installLines).flat())], registry);
    for (const program of programs) project.write(fileOf(program), programOf(program, surroundings));
  });

  it.concurrent.each(compilers)('compiles with %s', async (typescript, ...flags) => {
    expect(await project.compile(typescript, flags)).toBe('');
  });

  it.concurrent.each(programs.map((each) => [each.name, each] as const))('%s runs', async (_name, each) => {
    const { code, output } = await project.run(fileOf(each));
    expect(code, output).toBe(0);
  });
});
