import { eventually, FaultProxy, freePort, type RedisServer, startRedis } from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createEngine, type RedisEngine, UnavailableError, UnknownOutcomeError } from '../src/index.ts';

/** What the engine promises while Redis is away. Each test breaks a Redis of its own through a proxy. */
describe('the ioredis engine in an outage', () => {
  let server: RedisServer;
  let proxy: FaultProxy;
  let engine: RedisEngine;

  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    await server.command('FLUSHALL');
    proxy = await FaultProxy.listen(server.url);
    engine = createEngine({
      name: 'outage',
      target: { kind: 'standalone', host: proxy.host, port: proxy.port },
      commandTimeoutMs: 400,
    });
    await eventually(() => expect(engine.status.available).toBe(true));
  });
  afterEach(async () => {
    await engine.close();
    await proxy.close();
  });

  test('an engine whose Redis was never there fails each call before its deadline, and says why', async () => {
    const port = await freePort();
    const target = { kind: 'standalone', host: '127.0.0.1', port } as const;
    const lonely = createEngine({ name: 'lonely', target, commandTimeoutMs: 600_000 });
    try {
      await expect(lonely.mget(['a'])).rejects.toThrow(UnavailableError);
      expect(lonely.status).toMatchObject({ available: false, reason: expect.stringContaining('ECONNREFUSED') });
      const refused = { code: 'REDIS_UNAVAILABLE', retryable: true };
      await expect(lonely.set('a', '1')).rejects.toMatchObject(refused);
    } finally {
      await lonely.close();
    }
  });

  test('starts to work by itself when Redis appears', async () => {
    const port = await freePort();
    const early = createEngine({ name: 'early', target: { kind: 'standalone', host: '127.0.0.1', port } });
    await expect(early.mget(['a'])).rejects.toThrow(UnavailableError);
    const late = await startRedis({ port });
    try {
      await eventually(() => expect(early.status.available).toBe(true));
      expect(await early.set('a', '1')).toMatchObject({ stored: true });
    } finally {
      await early.close();
      await late.stop();
    }
  });

  test('announces that Redis went and came back', async () => {
    const seen: boolean[] = [];
    engine.onAvailability((available) => seen.push(available));
    proxy.refuse();
    proxy.resetAll();
    await eventually(() => expect(seen).toEqual([false]));
    await expect(engine.mget(['a'])).rejects.toThrow(UnavailableError);
    proxy.pass();
    await eventually(() => expect(seen).toEqual([false, true]));
    expect(await engine.mget(['a'])).toEqual([null]);
  });

  test('nothing that failed while Redis was away is executed later', async () => {
    proxy.refuse();
    proxy.resetAll();
    await eventually(() => expect(engine.status.available).toBe(false));
    await Promise.allSettled([engine.set('late', '1'), engine.hincrby('late-hash', 'n', 1)]);
    proxy.pass();
    await eventually(() => expect(engine.status.available).toBe(true));
    expect(await engine.mget(['late'])).toEqual([null]);
    expect(await engine.hgetall('late-hash')).toEqual(new Map());
  });

  test('an increment whose reply was lost is applied once, and its outcome is said to be unknown', async () => {
    const cut = proxy.cutBeforeReply({ matching: 'hincrby' });
    await expect(engine.hincrby('count', 'n', 1)).rejects.toThrow(UnknownOutcomeError);
    await cut;
    await eventually(() => expect(engine.status.available).toBe(true));
    expect((await engine.hget('count', ['n']))[0]?.toString()).toBe('1');
  });

  test('a read whose reply was lost is tried again; a write is not, and says that nobody knows', async () => {
    await engine.close();
    // As often as a busy machine needs to connect again.
    const target = { kind: 'standalone', host: proxy.host, port: proxy.port } as const;
    engine = createEngine({ name: 'outage', target, commandTimeoutMs: 60_000, retryAttempts: 1000 });
    await eventually(() => expect(engine.status.available).toBe(true));
    let cut = proxy.cutBeforeReply({ matching: 'set' });
    await expect(engine.set('a', '1')).rejects.toThrow(UnknownOutcomeError);
    await cut;
    await eventually(() => expect(engine.status.available).toBe(true));
    cut = proxy.cutBeforeReply({ matching: 'mget' });
    expect((await engine.mget(['a']))[0]?.toString()).toBe('1');
    await cut;
  });

  test.each([
    ['black-holed', () => proxy.blackhole()],
    ['frozen', () => server.pause()],
  ])('no call to a %s Redis outlives its deadline', async (_name, breakIt) => {
    breakIt();
    try {
      const calls = Promise.allSettled([
        engine.mget(['a'], { deadlineMs: 150 }),
        engine.hincrby('count', 'n', 1, { deadlineMs: 150 }),
        engine.batch([{ op: 'get', key: 'a' }], { deadlineMs: 150 }),
      ]);
      const [read, increment, batch] = await calls;
      expect(read).toMatchObject({ reason: { code: 'REDIS_UNAVAILABLE' } });
      expect(increment).toMatchObject({ reason: { code: 'REDIS_UNKNOWN_OUTCOME' } });
      expect(batch).toMatchObject({ value: [{ ok: false, error: { code: 'REDIS_UNAVAILABLE' } }] });
    } finally {
      server.resume();
      proxy.pass();
    }
    await eventually(async () => expect(await engine.mget(['a'])).toEqual([null]));
  });

  test('a Redis that is out of memory refuses writes as such, and still reads', async () => {
    await engine.set('a', '1');
    await server.command('CONFIG', 'SET', 'maxmemory', '1');
    try {
      await expect(engine.set('b', '1')).rejects.toMatchObject({ code: 'REDIS_OUT_OF_MEMORY', status: 507 });
      expect((await engine.mget(['a']))[0]?.toString()).toBe('1');
    } finally {
      await server.command('CONFIG', 'SET', 'maxmemory', '0');
    }
  });

  test('scripts work again after the server forgot them', async () => {
    const { counterWithLimit } = await import('./contract/example-script.ts');
    const operation = { op: 'run', script: counterWithLimit, keys: ['count'], args: ['n', '9'] } as const;
    expect(await engine.run(counterWithLimit, ['count'], ['n', '9'])).toBe(1);
    await server.command('SCRIPT', 'FLUSH');
    expect(await engine.run(counterWithLimit, ['count'], ['n', '9'])).toBe(2);
    await server.command('SCRIPT', 'FLUSH');
    expect(await engine.batch([operation, operation])).toEqual([
      { ok: true, value: 3 },
      { ok: true, value: 4 },
    ]);
  });

  test('a subscription comes back with the connection', async () => {
    const received: string[] = [];
    await engine.subscribe('news', (message) => received.push(message.toString()));
    proxy.resetAll();
    await eventually(async () => {
      await server.command('PUBLISH', 'news', 'again');
      expect(received.length).toBeGreaterThan(0);
    });
  });
});
