import { eventually, type RedisServer, startRedis } from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createEngine, type EngineOptions, pipeline, type PipelineOperation, type RedisEngine } from '../src/index.ts';
import { calm } from './contract/calm.ts';
import { type DocumentedUpstash, startDocumentedUpstash } from './documented-upstash.ts';

/** The texts are those of https://upstash.com/docs/redis/troubleshooting. */
const monthly =
  'ERR max requests limit exceeded. Limit: 500000, Usage: 500000. See https://upstash.com/docs for details';
const daily =
  'ERR max daily request limit exceeded. Limit: 10000, Usage: 10000. See https://upstash.com/docs for details';
const atOnce = 'ERR max concurrent requests exceeded';
const size = 'ERR max request size exceeded. Limit: 1048576 bytes, Actual: 1048999 bytes';
const limitBytes = 300_000;

describe('an Upstash endpoint that refuses what is beyond its plan', () => {
  let redis: RedisServer;
  let server: DocumentedUpstash;
  let options: EngineOptions;
  let engine: RedisEngine;
  const outages: boolean[] = [];

  beforeAll(async () => {
    redis = await startRedis();
    server = await startDocumentedUpstash({ host: redis.host, port: redis.port });
  });
  afterAll(async () => {
    await server.close();
    await redis.stop();
  });
  beforeEach(async () => {
    await redis.command('FLUSHALL');
    options = { name: 'limits', ...calm, target: { kind: 'upstash', url: server.url, token: server.token } };
    engine = createEngine(options);
    await engine.set('a', '1');
    outages.length = 0;
    engine.onAvailability((available) => outages.push(available));
  });
  afterEach(async () => {
    server.answerWith(undefined);
    await engine.close();
  });

  test.each([
    ['its quota, of a month', 400, monthly, 30_000],
    ['its quota, of a day, command by command', 200, daily, 30_000],
    ['so many at once', 429, atOnce, 1000],
    ['so many at once, says a proxy', 429, 'Too Many Requests', 1000],
  ])('is away: %s', async (_, status, error, retryAfterMs) => {
    server.answerWith(() => ({ status, error }));
    const refused = { code: 'REDIS_UNAVAILABLE', status: 503, retryAfterMs };
    await expect(engine.set('a', '2')).rejects.toMatchObject(refused);
    expect(engine.status).toMatchObject({ available: false, fault: 'over-quota' });
    expect(outages).toEqual([false]);
    const before = server.requests.length;
    await expect(engine.get('a')).rejects.toMatchObject(refused);
    expect(server.requests.length - before).toBeLessThanOrEqual(1); // It may have been asked whether it is back.
    server.answerWith(undefined);
    await eventually(() => expect(outages).toEqual([false, true]));
    expect((await engine.get('a'))?.toString()).toBe('1');
  });

  test('is away when its token is refused all of a sudden, and is back with it', async () => {
    server.answerWith(() => ({ status: 401, error: 'WRONGPASS invalid or missing auth token' }));
    await expect(engine.set('a', '2')).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE', status: 503 });
    expect(engine.status).toMatchObject({ available: false, fault: 'password-refused' });
    server.answerWith(undefined);
    await eventually(() => expect(outages).toEqual([false, true]));
  });

  test('takes no value that is too large, and everything else', async () => {
    server.answerWith((body) => (body.length > limitBytes ? { status: 400, error: size } : undefined));
    const tooLarge = { code: 'REDIS_REQUEST_TOO_LARGE', status: 413, retryable: false };
    await expect(engine.set('large', 'x'.repeat(limitBytes))).rejects.toMatchObject(tooLarge);
    expect(engine.status).toEqual({ available: true, breaker: 'closed' });
    const value = 'x'.repeat(100_000);
    const results = await engine.batch([
      { op: 'set', key: 'b', value },
      { op: 'set', key: 'c', value: value + value + value },
      { op: 'set', key: 'd', value },
      { op: 'set', key: 'e', value },
    ]);
    expect(results).toMatchObject([{ ok: true }, { ok: false, error: tooLarge }, { ok: true }, { ok: true }]);
    expect(outages).toEqual([]);
  });

  test('gets batches in requests of a megabyte', async () => {
    const value = 'x'.repeat(100_000);
    const before = server.requests.length;
    const operations = Array.from({ length: 25 }, (_, index) => ({ op: 'set', key: `k${index}`, value }) as const);
    expect(await engine.batch(operations)).toEqual(operations.map(() => ({ ok: true, value: true })));
    expect(server.requests.slice(before)).toEqual([10, 10, 5]);
  });

  test('gets a script in parts, and each part of a pipeline once', async () => {
    server.answerWith((body) => (body.length > limitBytes ? { status: 413, error: 'Payload Too Large' } : undefined));
    const value = 'x'.repeat(20_000);
    const operations: PipelineOperation[] = [
      ...Array.from({ length: 50 }, (_, index) => ({ op: 'set', key: `k${index}`, value }) as const),
      { op: 'hincrby', key: 'h', field: 'a', by: 1 },
      { op: 'set', key: 'huge', value: 'x'.repeat(limitBytes) },
    ];
    const result = await pipeline(engine, operations);
    expect(result.errors).toMatchObject([{ key: 'huge', code: 'REDIS_REQUEST_TOO_LARGE' }]);
    expect(await redis.command('DBSIZE')).toBe(52);
    expect(await redis.command('HGET', 'h', 'a')).toBe('1');
  });

  test('replies many large values in parts', async () => {
    const value = 'x'.repeat(50_000);
    const keys = Array.from({ length: 20 }, (_, index) => `k${index}`);
    await engine.batch(keys.map((key) => ({ op: 'set', key, value }) as const));
    // It counts what it would reply.
    server.answerWith((body) => {
      const asked = (body.match(/"k\d+"/g) ?? []).length;
      return asked * value.length > limitBytes ? { status: 400, error: size } : undefined;
    });
    expect((await engine.mget(keys)).map((reply) => reply?.length)).toEqual(keys.map(() => value.length));
  });
});

describe('an Upstash endpoint that takes requests and answers none', () => {
  let redis: RedisServer;
  let server: DocumentedUpstash;
  beforeAll(async () => {
    redis = await startRedis();
    server = await startDocumentedUpstash({ host: redis.host, port: redis.port });
  });
  afterAll(async () => {
    await server.close();
    await redis.stop();
  });
  const open = (more: Partial<EngineOptions> = {}): RedisEngine => {
    const { url, token } = server;
    return createEngine({ name: 'hung', commandTimeoutMs: 600_000, target: { kind: 'upstash', url, token }, ...more });
  };

  test('is away long before the deadlines of the calls, which fail, and comes back', async () => {
    const engine = open({ probeIntervalMs: 50 });
    try {
      await eventually(async () => expect(await engine.set('a', '1')).toMatchObject({ stored: true }));
      server.answerWith(() => 'silence');
      const [read, increment] = await Promise.allSettled([engine.get('a'), engine.hincrby('h', 'n', 1)]);
      expect(read).toMatchObject({ reason: { code: 'REDIS_UNAVAILABLE' } });
      expect(increment).toMatchObject({ reason: { code: 'REDIS_UNKNOWN_OUTCOME' } });
      expect(engine.status).toMatchObject({ available: false, fault: 'silent' });
      await expect(engine.get('a')).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
      server.answerWith(undefined);
      await eventually(() => expect(engine.status.available).toBe(true));
    } finally {
      server.answerWith(undefined);
      await engine.close();
    }
  });

  test('fails the calls at the start without waiting for their deadlines either', async () => {
    server.answerWith(() => 'silence');
    const engine = open({ connectionTimeoutMs: 600_000 });
    try {
      await expect(engine.get('a')).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
    } finally {
      server.answerWith(undefined);
      await engine.close();
    }
  });

  test('for one call only is none: its other answers count', async () => {
    const engine = open({ probeIntervalMs: 20, probeDeadlineMs: 60_000 });
    try {
      await eventually(async () => expect(await engine.set('a', '1')).toMatchObject({ stored: true }));
      server.answerWith((body) => (body.includes('slow') ? 'silence' : undefined));
      const before = server.requests.length;
      const slow = expect(engine.get('slow', { deadlineMs: 3000 })).rejects.toMatchObject({
        code: 'REDIS_UNAVAILABLE',
      });
      // It was asked, beside the call that hangs.
      await eventually(() => expect(server.requests.length).toBeGreaterThan(before + 1));
      await slow;
      expect(engine.status.available).toBe(true);
    } finally {
      server.answerWith(undefined);
      await engine.close();
    }
  });
});
