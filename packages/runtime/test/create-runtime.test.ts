import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '@holdfast/config';
import { configParts, modules, type HoldfastConfig } from '@holdfast/modules';
import { builtInQueues } from '@holdfast/jobs';
import { EmbeddedFolderLockedError } from '@holdfast/queue';
import { closedPort, eventually, startRedis, uniquePrefix, useRedis } from '@holdfast/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRuntime } from '../src/create-runtime.ts';

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'holdfast-runtime-'));
});
afterEach(async () => rm(cwd, { recursive: true, force: true }));

function configure(env: Record<string, string>, yaml?: string): HoldfastConfig {
  const readFile = (path: string): string => {
    if (yaml !== undefined && path.endsWith('holdfast.yaml')) return yaml;
    throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT' });
  };
  return loadConfig({
    cwd,
    env: { NODE_ENV: 'test', REDIS_KEY_PREFIX: uniquePrefix('runtime'), ...env },
    readFile,
    parts: configParts(modules),
  });
}
const onRedis = (env: Record<string, string> = {}): Record<string, string> => ({ REDIS_URL: useRedis().url, ...env });

describe('the runtime of embedded mode', () => {
  it('holds the cache in memory and the queue on disk, in the data folder', async () => {
    const config = configure({});
    const runtime = await createRuntime(config, { modules, usesFallback: true });
    expect(runtime.parts.queues.backend.kind).toBe('embedded');
    expect([runtime.engines.cache.kind, runtime.engines.durable.kind]).toEqual(['memory', 'memory']);
    // Its queue is on disk already: it cannot be away.
    expect(runtime.parts.queues.queues.outbox).toBeUndefined();
    expect(existsSync(join(config.dataDir, 'queue'))).toBe(true);
    await runtime.parts.cache.caches.get('prompts').set('k', { v: 1 });
    expect(await runtime.parts.cache.caches.get('prompts').get('k')).toEqual({ v: 1 });
    await runtime.close();
  });

  it('has its data folder to itself until it is closed', async () => {
    const config = configure({});
    const runtime = await createRuntime(config, { modules });
    await expect(createRuntime(config, { modules })).rejects.toThrow(EmbeddedFolderLockedError);
    const { id } = await runtime.parts.queues.queues.add('source-sync', { data: { source: 'instances' } });
    await runtime.close();

    const next = await createRuntime(config, { modules });
    expect(await next.parts.queues.queues.get('source-sync', id)).toMatchObject({ state: 'prioritized' });
    await next.close();
  });
});

describe('the runtime on a Redis', () => {
  it.each([
    ['for a process that answers callers', {}, true, true],
    ['not for one that works on jobs', {}, false, false],
    ['not where an outage is to be answered 503', { REDIS_ENABLE_FALLBACK: 'false' }, true, false],
  ])('has an outbox %s', async (_, env, usesFallback, has) => {
    const config = configure(onRedis(env));
    const runtime = await createRuntime(config, { modules, usesFallback });
    expect(runtime.parts.queues.queues.outbox !== undefined).toBe(has);
    expect(existsSync(join(config.dataDir, 'outbox.db'))).toBe(has);
    await runtime.close();
  });

  it('has caches whose loaders answer when Redis is full, but where an outage is to be answered 503', async () => {
    const full = await startRedis({ args: ['--maxmemory', '1'] });
    const loaded = async (env: Record<string, string>): Promise<unknown> => {
      const config = configure(onRedis({ REDIS_URL: full.url, ...env }));
      const runtime = await createRuntime(config, { modules, usesFallback: true });
      const [name = ''] = runtime.parts.cache.caches.names();
      try {
        return await runtime.parts.cache.caches.get(name).getOrSet('k', () => 'loaded');
      } finally {
        await runtime.close();
      }
    };
    expect(await loaded({})).toBe('loaded');
    await expect(loaded({ REDIS_ENABLE_FALLBACK: 'false' })).rejects.toMatchObject({ code: 'REDIS_OUT_OF_MEMORY' });
    await full.stop();
  });

  it('has engines and a queue on it, under the configured prefix', async () => {
    const config = configure(onRedis());
    const runtime = await createRuntime(config, { modules });
    expect(runtime.parts.queues.backend.kind).toBe('redis');
    expect([runtime.engines.cache.kind, runtime.engines.durable.kind]).toEqual(['ioredis', 'ioredis']);
    const { id } = await runtime.parts.queues.queues.add('source-sync', { data: { source: 'instances' } });
    const prefix = runtime.parts.queues.backend.prefixOf('source-sync');
    expect(prefix).toBe(`${config.redis.keyPrefix}:jobs:{source-sync}`);
    expect(await runtime.parts.queues.queues.get('source-sync', id)).toMatchObject({ state: 'prioritized' });
    expect(existsSync(config.dataDir)).toBe(false);
    await runtime.close();
  });

  it('keeps what is durable, and the queue, on the other Redis where there is one', async () => {
    const durable = await startRedis();
    const runtime = await createRuntime(configure(onRedis({ QUEUE_REDIS_URL: durable.url })), { modules });
    await eventually(() => expect(runtime.engines.durable.status.available).toBe(true));
    await runtime.parts.queues.queues.add('source-sync', { data: { source: 'instances' } });
    expect(Number(await durable.command('DBSIZE'))).toBeGreaterThan(0);
    await runtime.close();
    await durable.stop();
  });

  it('is created at once while Redis is away, and says that it is', async () => {
    const timeoutMs = 60_000;
    const config = configure({
      REDIS_URL: `redis://127.0.0.1:${await closedPort()}`,
      REDIS_COMMAND_TIMEOUT_MS: String(timeoutMs),
      REDIS_CONNECTION_TIMEOUT_MS: String(timeoutMs),
    });
    const startedAt = performance.now();
    const runtime = await createRuntime(config, { modules });
    // Not when it has given up.
    expect(performance.now() - startedAt).toBeLessThan(timeoutMs);
    expect(runtime.engines.cache.status.available).toBe(false);
    expect(runtime.engines.durable.status.available).toBe(false);
    expect(runtime.parts.queues.backend.status.available).toBe(false);
    await expect(
      runtime.parts.queues.queues.add('source-sync', { data: { source: 'instances' } }),
    ).rejects.toMatchObject({
      code: 'QUEUE_UNAVAILABLE',
    });
    await runtime.close();
  });
});

describe('closing', () => {
  it.each(['embedded', 'redis'])('may be done twice: %s', async (mode) => {
    const runtime = await createRuntime(configure(mode === 'redis' ? onRedis() : {}), { modules });
    await Promise.all([runtime.close(), runtime.close()]);
    await runtime.close();
    await expect(runtime.parts.queues.queues.summaries()).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
  });

  it.each(['killed', 'frozen'] as const)('does not wait for a Redis that was %s meanwhile', async (how) => {
    const redis = await startRedis();
    const runtime = await createRuntime(configure({ REDIS_URL: redis.url, REDIS_COMMAND_TIMEOUT_MS: '1000' }), {
      modules,
    });
    await eventually(() => {
      expect(runtime.engines.cache.status.available && runtime.parts.queues.backend.status.available).toBe(true);
    });
    if (how === 'killed') await redis.kill();
    else redis.pause();
    await runtime.close();
    await redis.stop();
  });
});

describe('queues', () => {
  it('are those of the catalogue where the configuration says nothing', async () => {
    const runtime = await createRuntime(configure(onRedis()), { modules });
    expect(runtime.parts.queues.queues.names()).toEqual(builtInQueues.map(({ name }) => name));
    for (const definition of builtInQueues)
      expect(runtime.parts.queues.queues.definition(definition.name)).toEqual(definition);
    await runtime.close();
  });

  it('are as the configuration says, and otherwise as the catalogue does', async () => {
    const yaml = `
queues:
  http-delivery:
    attempts: 2
    concurrency: 3
    timeout: 5s
    retention: { completed: { count: 7 } }
`;
    const runtime = await createRuntime(configure(onRedis(), yaml), { modules });
    const builtIn = builtInQueues.find(({ name }) => name === 'http-delivery');
    expect(runtime.parts.queues.queues.definition('http-delivery')).toEqual({
      ...builtIn,
      attempts: 2,
      concurrency: 3,
      timeoutMs: 5000,
      retention: { ...builtIn?.retention, completed: { count: 7 } },
    });
    const job = await runtime.parts.queues.queues.add('http-delivery', { data: { url: 'https://example.com/' } });
    expect(job.duplicate).toBe(false);
    expect((await runtime.parts.queues.queues.summary('http-delivery')).policy).toMatchObject({
      attempts: 2,
      concurrency: 3,
    });
    await runtime.close();
  });
});

describe('a queue that only the configuration knows', () => {
  it('is there beside those of the catalogue, with what is left out as in http-delivery', async () => {
    const yaml = `
queues:
  invoices:
    url: http://127.0.0.1:1/print
    attempts: 4
    priority: high
    rateLimit: { max: 5, per: 1s }
    retention: { failed: { count: 3 } }
    schedule: { every: 1h, data: { invoice: 1 } }
    payload: { type: object, properties: { invoice: { type: integer } } }
`;
    const runtime = await createRuntime(configure(onRedis(), yaml), { modules });
    expect(runtime.parts.queues.queues.names()).toEqual([...builtInQueues.map(({ name }) => name), 'invoices']);
    const httpDelivery = builtInQueues.find(({ name }) => name === 'http-delivery');
    expect(runtime.parts.queues.queues.definition('invoices')).toMatchObject({
      attempts: 4,
      priority: 'high',
      rateLimit: { max: 5, durationMs: 1000 },
      timeoutMs: 30_000,
      backoff: httpDelivery?.backoff,
      retention: { completed: httpDelivery?.retention.completed, failed: { count: 3 } },
    });
    expect((await runtime.parts.queues.queues.summary('invoices')).policy.schedule).toMatchObject({
      everyMs: 3_600_000,
    });
    await expect(runtime.parts.queues.queues.add('invoices', { data: { invoice: 'one' } })).rejects.toMatchObject({
      status: 422,
    });
    await runtime.close();
  });
});

describe('the queues that want a URL', () => {
  it('are not there without one, and as they are known with one', async () => {
    const without = await createRuntime(configure(onRedis()), { modules });
    expect(without.parts.queues.queues.names()).not.toContain('product-refresh');
    await without.close();
    const names = ['product-refresh', 'embedding-computation', 'analytics-processing'];
    const yaml = ['queues:', ...names.map((name) => `  ${name}: { url: "http://127.0.0.1:1/${name}" }`)].join('\n');
    const runtime = await createRuntime(configure(onRedis(), yaml), { modules });
    expect(runtime.parts.queues.queues.names()).toEqual(expect.arrayContaining(names));
    const policies = await Promise.all(
      names.map(async (name) => (await runtime.parts.queues.queues.summary(name)).policy),
    );
    expect(policies.map(({ attempts, priority }) => [attempts, priority])).toEqual([
      [3, 100],
      [2, 10],
      [1, 100],
    ]);
    const products = Array.from({ length: 33 }, (_, n) => `product-${n}`);
    await expect(
      runtime.parts.queues.queues.add('embedding-computation', { data: { products } }),
    ).rejects.toMatchObject({
      status: 422,
    });
    await runtime.close();
  });
});

describe('sources and caches', () => {
  it('are those of the configuration', async () => {
    const config = configure(onRedis());
    const runtime = await createRuntime(config, { modules });
    expect(runtime.parts.sources.sources.names().sort()).toEqual(Object.keys(config.sources.byName).sort());
    expect(runtime.parts.cache.caches.names().sort()).toEqual(Object.keys(config.cache.namespaces).sort());
    await runtime.close();
  });

  it('can be read, and not be synced, where no upstream is configured', async () => {
    const runtime = await createRuntime(configure(onRedis()), { modules });
    const mirror = runtime.parts.sources.sources.get('instances');
    expect(await mirror.state()).toMatchObject({ items: 0 });
    await expect(mirror.sync()).rejects.toMatchObject({ code: expect.stringMatching(/^UPSTREAM_/) });
    await runtime.close();
  });
});
