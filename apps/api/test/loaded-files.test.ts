import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnNode, uniquePrefix, useRedis } from '@holdfast/testing';
import { describe, expect, it } from 'vitest';

const api = new URL('../src/server.ts', import.meta.url);
const worker = new URL('../../worker/src/main.ts', import.meta.url);

/** Has a process write down at its end which files it has loaded. */
const recorder = `
import { writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
const loaded = [];
registerHooks({ load: (url, context, next) => { loaded.push(url); return next(url, context); } });
process.on('exit', () => writeFileSync('loaded.json', JSON.stringify(loaded)));
`;

/** The files that a process has loaded once it is ready. */
async function filesOf(program: URL, env: Readonly<Record<string, string>>): Promise<string[]> {
  const cwd = mkdtempSync(join(tmpdir(), 'holdfast-loaded-'));
  const node = spawnNode(program, {
    cwd,
    env: { PORT: '0', WORKER_PORT: '0', ...env },
    execArgs: ['--conditions=@holdfast/source', `--import=data:text/javascript,${encodeURIComponent(recorder)}`],
  });
  await node.waitForLine(/"ready"/);
  await node.kill('SIGTERM');
  const files = JSON.parse(readFileSync(join(cwd, 'loaded.json'), 'utf8')) as string[];
  rmSync(cwd, { recursive: true });
  return files;
}

const onRedis = (): Record<string, string> => ({ REDIS_URL: useRedis().url, REDIS_KEY_PREFIX: uniquePrefix('loaded') });

const routes = /\/packages\/modules\/src\/(?:http|[^/]+\/routes)\//;
const handlers = /\/packages\/modules\/src\/[^/]+\/handlers\//;
const delivery = /\/packages\/modules\/src\/queues\/delivery\/|\/apps\/worker\/|\/undici\//;
const embedded = /\/packages\/queue\/src\/embedded\//;
const schemas = /\/packages\/contract\/src\/(?!scopes\.ts)/;

describe('what a process loads of the modules', () => {
  const of = (files: readonly string[], pattern: RegExp): string[] => files.filter((file) => pattern.test(file));

  it('are the routes in an API, and no handler beside a Redis', async () => {
    const files = await filesOf(api, onRedis());
    expect(of(files, routes)).not.toEqual([]);
    expect(of(files, schemas)).not.toEqual([]);
    expect([...of(files, handlers), ...of(files, delivery), ...of(files, embedded)]).toEqual([]);
  });

  it('are the handlers in a worker, and neither a route nor the schema of one', async () => {
    const files = await filesOf(worker, onRedis());
    expect(of(files, handlers)).not.toEqual([]);
    expect(of(files, delivery)).not.toEqual([]);
    expect([...of(files, routes), ...of(files, schemas)]).toEqual([]);
  });

  it('are both in embedded mode', async () => {
    const files = await filesOf(api, {});
    for (const part of [routes, schemas, handlers, delivery, embedded]) expect(of(files, part)).not.toEqual([]);
  });
});
