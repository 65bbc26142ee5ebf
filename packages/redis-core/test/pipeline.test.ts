import { channel } from 'node:diagnostics_channel';
import { FaultProxy, type Monitor, monitor, type RedisServer, startRedis } from '@holdfast/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  type BatchResult,
  createEngine,
  MemoryEngine,
  pipeline,
  type PipelineOperation,
  type PipelineResult,
  type RedisEngine,
} from '../src/index.ts';
import { calm } from './contract/calm.ts';

let redis: RedisServer;
let engine: RedisEngine;
let seen: Monitor;

beforeAll(async () => {
  redis = await startRedis();
  engine = createEngine({
    name: 'pipeline',
    ...calm,
    target: { kind: 'standalone', host: redis.host, port: redis.port },
    tracking: false,
  });
  await engine.time();
  seen = await monitor(redis.url);
});
afterAll(async () => {
  await Promise.all([engine.close(), seen.stop()]);
  await redis.stop();
});

function numbered(count: number, make: (key: string, index: number) => PipelineOperation): PipelineOperation[] {
  return Array.from({ length: count }, (_, index) => make(`k:${index}`, index));
}

/** What a pipeline sent, without what belongs to the connection. */
async function counted(
  operations: readonly PipelineOperation[],
): Promise<{ result: PipelineResult; byName: Record<string, number> }> {
  await seen.settle();
  seen.reset();
  const result = await pipeline(engine, operations);
  await seen.settle();
  const byName: Record<string, number> = {};
  for (const [name = ''] of seen.commands()) {
    const upper = name.toUpperCase();
    // The probe of the connection, and scripts that are made known once.
    if (upper !== 'PING' && upper !== 'SCRIPT' && upper !== 'TIME') byName[upper] = (byName[upper] ?? 0) + 1;
  }
  return { result, byName };
}

describe('a thousand keys', () => {
  beforeEach(() => redis.command('FLUSHALL'));

  test('are written with a time to live, read and deleted in twenty commands each', async () => {
    const written = await counted(numbered(1000, (key) => ({ op: 'set', key, value: key, pxMs: 60_000 })));
    expect(written.byName).toEqual({ EVALSHA: 20 });
    expect(written.result).toMatchObject({
      successful: 1000,
      failed: 0,
      errors: [],
      batches: 20,
      commands: 20,
      saved: 980,
    });
    expect(await redis.command('PTTL', 'k:999')).toBeGreaterThan(50_000);

    const read = await counted(numbered(1000, (key) => ({ op: 'get', key })));
    expect(read.byName).toEqual({ MGET: 20 });
    expect(read.result.results.map(String)).toEqual(Array.from({ length: 1000 }, (_, index) => `k:${index}`));

    const deleted = await counted(numbered(1000, (key) => ({ op: 'del', key })));
    expect(deleted.byName).toEqual({ EVALSHA: 20 });
    expect(deleted.result.results).toEqual(Array.from({ length: 1000 }, () => 1));
    expect(await redis.command('DBSIZE')).toBe(0);
  });

  test('take batches of 20 to 100, whatever was asked for', async () => {
    const operations = numbered(200, (key) => ({ op: 'get', key }));
    expect((await pipeline(engine, operations, { batchSize: 1 })).batches).toBe(10);
    expect((await pipeline(engine, operations, { batchSize: 5000 })).batches).toBe(2);
  });
});

describe('one operation that fails', () => {
  beforeEach(() => redis.command('FLUSHALL'));

  test('fails alone, with its place, its key and a code', async () => {
    await redis.command('SET', 'k:7', 'a string');
    const operations = numbered(100, (key) => ({ op: 'hset', key, fields: { a: '1' } }));
    const result = await pipeline(engine, operations);
    expect(result).toMatchObject({ successful: 99, failed: 1 });
    expect(result.errors).toEqual([
      { index: 7, key: 'k:7', code: 'REDIS_WRONG_TYPE', detail: expect.stringContaining('WRONGTYPE') },
    ]);
    expect(result.results[7]).toBeUndefined();
    expect(result.results[8]).toBe(1);
  });

  test('is tried once more by itself where its whole command failed and it may be repeated', async () => {
    // Redis refuses a script of this user, and with it the whole batch; the single commands it may run.
    await redis.command('ACL', 'SETUSER', 'noscripts', 'on', '>secret', '~*', '&*', '+@all', '-evalsha', '-eval');
    const { host, port } = redis;
    const credentials = { username: 'noscripts', password: 'secret' };
    const limited = createEngine({
      name: 'limited',
      ...calm,
      target: { kind: 'standalone', host, port, ...credentials },
    });
    try {
      const writes = numbered(30, (key) => ({ op: 'set', key, value: '1' }));
      const once = numbered(30, (key) => ({ op: 'hincrby', key: `h${key}`, field: 'n', by: 1 }));
      expect(await pipeline(limited, writes)).toMatchObject({ successful: 30, commands: 31 });
      expect(await pipeline(limited, once)).toMatchObject({ failed: 30, commands: 1 });
    } finally {
      await limited.close();
    }
  });

  test.each<[string, string, (key: string) => PipelineOperation]>([
    ['an increment', 'HINCRBY', () => ({ op: 'hincrby', key: 'count', field: 'n', by: 1 })],
    ['a set', 'SET', (key) => ({ op: 'set', key, value: '1' })],
    ['a deletion', 'UNLINK', (key) => ({ op: 'del', key })],
  ])('and might have been applied is not repeated, and says so: %s', async (_name, command, operation) => {
    const proxy = await FaultProxy.listen(redis.url);
    const { host, port } = proxy;
    const far = createEngine({ name: 'far', ...calm, target: { kind: 'standalone', host, port } });
    try {
      const operations = numbered(30, operation);
      await pipeline(far, operations);
      await seen.settle();
      seen.reset();
      const cut = proxy.cutBeforeReply({ matching: command });
      const result = await pipeline(far, operations);
      await cut;
      expect(new Set(result.errors.map(({ code }) => code))).toEqual(new Set(['REDIS_UNKNOWN_OUTCOME']));
      expect(result.commands).toBe(1);
      await seen.settle();
      expect(seen.scriptCommands().filter(([name]) => name?.toUpperCase() === command)).toHaveLength(30);
    } finally {
      await far.close();
      await proxy.close();
    }
  });

  test('because Redis is away fails them all, and the call still resolves', async () => {
    const closed = createEngine({ name: 'closed', target: { kind: 'standalone', host: '127.0.0.1', port: 1 } });
    const result = await pipeline(
      closed,
      numbered(120, (key) => ({ op: 'get', key })),
    );
    await closed.close();
    expect(result).toMatchObject({ failed: 120, commands: 0 });
    expect(new Set(result.errors.map(({ code }) => code))).toEqual(new Set(['REDIS_UNAVAILABLE']));
  });
});

describe('a caller', () => {
  test('is told of the progress and can stop: what was not sent is cancelled', async () => {
    const controller = new AbortController();
    const progress: number[] = [];
    const result = await pipeline(
      engine,
      numbered(500, (key) => ({ op: 'set', key, value: '1' })),
      {
        concurrency: 1,
        signal: controller.signal,
        onProgress: ({ done, total }) => {
          expect(total).toBe(500);
          progress.push(done);
          if (done === 100) controller.abort();
        },
      },
    );
    expect(result).toMatchObject({ successful: 100, failed: 400, batches: 2, commands: 2, saved: 98 });
    expect(new Set(result.errors.map(({ code }) => code))).toEqual(new Set(['CANCELLED']));
    expect(progress.at(-1)).toBe(500);
  });

  test('has no more batches under way than it allows', async () => {
    let underWay = 0;
    let most = 0;
    class Counting extends MemoryEngine {
      override async batch(operations: Parameters<MemoryEngine['batch']>[0]): Promise<BatchResult[]> {
        underWay += 1;
        most = Math.max(most, underWay);
        await new Promise<void>((resolve) => {
          setImmediate(resolve);
        });
        underWay -= 1;
        return super.batch(operations);
      }
    }
    const counting = new Counting();
    await pipeline(
      counting,
      numbered(1000, (key) => ({ op: 'set', key, value: '1' })),
      { concurrency: 3 },
    );
    expect(most).toBe(3);
  });

  test('hears on a channel what was saved', async () => {
    const events: unknown[] = [];
    const listen = (event: unknown): void => void events.push(event);
    channel('holdfast:redis:pipeline').subscribe(listen);
    await pipeline(
      engine,
      numbered(100, (key) => ({ op: 'get', key })),
      { connection: 'cache' },
    );
    channel('holdfast:redis:pipeline').unsubscribe(listen);
    expect(events).toEqual([
      { connection: 'cache', operations: 100, commands: 2, saved: 98, failed: 0, durationMs: expect.any(Number) },
    ]);
  });
});
