import {
  eventually,
  FaultProxy,
  freePort,
  type Monitor,
  monitor,
  type RedisServer,
  startRedis,
  startUpstashRest,
  type UpstashRest,
} from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { createEngine, type RedisEngine, UnavailableError, UnknownOutcomeError } from '../src/index.ts';
import { calm } from './contract/calm.ts';
import { counterWithLimit } from './contract/example-script.ts';
import { type DocumentedUpstash, startDocumentedUpstash } from './documented-upstash.ts';

const secret = 'a-secret-value';

describe('the Upstash engine', () => {
  let redis: RedisServer;
  let rest: UpstashRest;
  let proxy: FaultProxy;
  let engine: RedisEngine;
  let seen: Monitor;

  beforeAll(async () => {
    redis = await startRedis();
    rest = await startUpstashRest(redis.url);
    seen = await monitor(redis.url);
  });
  afterAll(async () => {
    await seen.stop();
    await rest.stop();
    await redis.stop();
  });
  beforeEach(async () => {
    await redis.command('FLUSHALL');
    proxy = await FaultProxy.listen(rest.url);
    engine = createEngine({
      name: 'upstash',
      target: { kind: 'upstash', url: `http://${proxy.host}:${proxy.port}`, token: rest.token },
      // A busy machine is no outage; tests of deadlines bring their own.
      ...calm,
      connectionTimeoutMs: 60_000,
    });
    await engine.time();
  });
  afterEach(async () => {
    await engine.close();
    await proxy.close();
  });

  test('stores the bytes that it was given, so that other clients read them', async () => {
    await engine.set('bytes', Buffer.from([0xff, 0x00, 0x80, 0x41]));
    const sha = (bytes: string): Promise<unknown> =>
      redis.command('EVAL', `return redis.sha1hex(${bytes})`, '1', 'bytes');
    expect(await sha("redis.call('GET', KEYS[1])")).toBe(await sha(String.raw`'\255\0\128A'`));
  });

  test('carries a megabyte of any bytes', async () => {
    const megabyte = Buffer.from(Array.from({ length: 1 << 20 }, (_, index) => (index * 31) & 0xff));
    await engine.set('large', megabyte, { pxMs: 60_000 });
    expect((await engine.mget(['large']))[0]?.equals(megabyte)).toBe(true);
  });

  test('asks for the time again after five minutes, if it is used', async () => {
    await seen.settle();
    seen.reset();
    const now = performance.now.bind(performance);
    vi.spyOn(performance, 'now').mockImplementation(() => now() + 300_000);
    try {
      await Promise.all([engine.get('a'), engine.get('a')]);
      await engine.get('a');
      await eventually(() => expect(seen.count('time')).toBe(1));
    } finally {
      vi.restoreAllMocks();
    }
  });

  test('sends one command for each operation', async () => {
    await engine.run(counterWithLimit, ['count'], ['n', '9']);
    await seen.settle();
    seen.reset();
    await engine.mget(['a', 'b', 'c']);
    await engine.set('a', Buffer.from([0xff]), { pxMs: 1000 });
    await engine.run(counterWithLimit, ['count'], ['n', '9']);
    await engine.batch([
      { op: 'set', key: 'a', value: '1' },
      { op: 'get', key: 'a' },
    ]);
    await seen.settle();
    expect(seen.count()).toBe(5);
  });

  test('applies an increment once whose reply was lost, and says that the outcome is unknown', async () => {
    const cut = proxy.cutBeforeReply({ matching: 'HINCRBY' });
    await expect(engine.hincrby('count', 'n', 1)).rejects.toThrow(UnknownOutcomeError);
    await cut;
    await eventually(async () => expect((await engine.hget('count', ['n']))[0]?.toString()).toBe('1'));
    await seen.settle();
    expect(seen.count('hincrby')).toBe(1);
    seen.reset();
  });

  test('tries a read again whose reply was lost, also of a batch, and no write', async () => {
    let cut = proxy.cutBeforeReply({ matching: 'SET' });
    await expect(engine.set('a', '1')).rejects.toThrow(UnknownOutcomeError);
    await cut;
    cut = proxy.cutBeforeReply({ matching: 'HINCRBY' });
    const results = await engine.batch([
      { op: 'set', key: 'b', value: '2' },
      { op: 'hincrby', key: 'count', field: 'n', by: 1 },
      { op: 'get', key: 'b' },
    ]);
    await cut;
    expect(results).toMatchObject([
      { ok: false, error: { code: 'REDIS_UNKNOWN_OUTCOME' } },
      { ok: false, error: { code: 'REDIS_UNKNOWN_OUTCOME' } },
      { ok: true },
    ]);
    expect((await engine.hget('count', ['n']))[0]?.toString()).toBe('1');
  });

  test('ends each call within its deadline when nothing is answered', async () => {
    proxy.blackhole();
    const [read, increment] = await Promise.allSettled([
      engine.mget(['a'], { deadlineMs: 200 }),
      engine.hincrby('count', 'n', 1, { deadlineMs: 200 }),
    ]);
    expect(read).toMatchObject({ reason: { code: 'REDIS_UNAVAILABLE' } });
    expect(increment).toMatchObject({ reason: { code: 'REDIS_UNKNOWN_OUTCOME' } });
  });

  test('fails at once while the endpoint is away, and heals by itself', async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const early = createEngine({ name: 'early', target: { kind: 'upstash', url, token: rest.token } });
    try {
      await expect(early.set('a', secret)).rejects.toThrow(UnavailableError);
      expect(early.status).toMatchObject({ available: false, reason: expect.stringContaining('ECONNREFUSED') });
      await expect(early.mget(['a'])).rejects.toThrow(UnavailableError);
      const late = await startDocumentedUpstash({ host: redis.host, port: redis.port, listen: port });
      try {
        await eventually(() => expect(early.status.fault).toBe('password-refused'));
        expect(early.status.reason).toBe(
          `${url} refuses the configured token (WRONGPASS invalid or missing auth token): correct it`,
        );
        expect(early.status.neverConnected).toBe(true);
      } finally {
        await late.close();
      }
    } finally {
      await early.close();
    }
  });

  test('announces that the endpoint went and came back', async () => {
    const changes: boolean[] = [];
    engine.onAvailability((available) => changes.push(available));
    proxy.refuse();
    await eventually(async () => {
      await engine.mget(['a'], { deadlineMs: 100 }).catch(() => undefined);
      expect(changes).toEqual([false]);
    });
    proxy.pass();
    await eventually(() => expect(changes).toEqual([false, true]));
    expect(await engine.mget(['a'])).toEqual([null]);
  });

  test('runs scripts again that the server forgot', async () => {
    expect(await engine.run(counterWithLimit, ['count'], ['n', '9'])).toBe(1);
    await redis.command('SCRIPT', 'FLUSH');
    expect(await engine.run(counterWithLimit, ['count'], ['n', '9'])).toBe(2);
    await engine.set('a', Buffer.from([0xff]));
    expect((await engine.mget(['a']))[0]).toEqual(Buffer.from([0xff]));
  });

  test('no error carries a value', async () => {
    const errors: unknown[] = [];
    const fails = async (call: Promise<unknown>): Promise<void> => {
      errors.push(
        await call.then(
          () => expect.fail('it should fail'),
          (error: unknown) => error,
        ),
      );
    };
    await engine.set('string', 'x');
    await fails(engine.hset('string', { field: secret }));
    await redis.command('CONFIG', 'SET', 'maxmemory', '1');
    await fails(engine.set('full', secret));
    await redis.command('CONFIG', 'SET', 'maxmemory', '0');
    proxy.refuse();
    await fails(engine.set('refused', secret));
    expect(errors).toMatchObject([
      { code: 'REDIS_WRONG_TYPE' },
      { code: 'REDIS_OUT_OF_MEMORY' },
      { code: expect.stringMatching(/^REDIS_UN/) },
    ]);
    const texts = errors.map((error) => JSON.stringify(error, ['message', 'stack', 'cause']) + String(error));
    expect(texts.join('')).not.toContain(secret);
  });
});

describe('subscriptions over server-sent events', () => {
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

  test('come back after the stream was cut', async () => {
    const proxy = await FaultProxy.listen(server.url);
    const { token } = server;
    const url = `http://${proxy.host}:${proxy.port}`;
    const engine = createEngine({ name: 'sse', target: { kind: 'upstash', url, token } });
    const received: string[] = [];
    await engine.subscribe('news', (message) => received.push(message.toString()));
    proxy.resetAll();
    await eventually(async () => {
      await redis.command('PUBLISH', 'news', 'again, with a comma');
      expect(received).toContain('again, with a comma');
    });
    await engine.close();
    await eventually(async () => expect(await redis.command('PUBLISH', 'news', 'x')).toBe(0));
    await proxy.close();
  });
});
