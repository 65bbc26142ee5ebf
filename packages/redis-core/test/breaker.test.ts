import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { eventually, FaultProxy, monitor, type RedisServer, startRedis } from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  createEngine,
  type EngineOptions,
  type RedisBreakerEvent,
  type RedisEngine,
  UnavailableError,
  UnknownOutcomeError,
} from '../src/index.ts';

describe('the circuit breaker', () => {
  let server: RedisServer;
  let proxy: FaultProxy;
  let engine: RedisEngine;
  const open = (options: Partial<EngineOptions> = {}): RedisEngine =>
    createEngine({ name: 'guarded', target: { kind: 'standalone', host: proxy.host, port: proxy.port }, ...options });
  /** Longer than any wait of a test: what ends within one was ended by the breaker, and not by its own deadline. */
  const NEVER_MS = 600_000;
  const opens = (): Promise<void> => eventually(() => expect(engine.status.breaker).not.toBe('closed'));
  const closes = (): Promise<void> => eventually(() => expect(engine.status.breaker).toBe('closed'));

  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    await server.start();
    await server.command('FLUSHALL');
    proxy = await FaultProxy.listen(server.url);
    engine = open();
    // A busy machine may take longer to connect than the first probe waits.
    await eventually(() => engine.set('a', '1'));
  });
  afterEach(async () => {
    await engine.close();
    await proxy.close();
  });

  interface Fault {
    readonly name: string;
    readonly begin: () => unknown;
    readonly end: () => unknown;
  }
  const faults: Fault[] = [
    { name: 'killed', begin: () => server.kill(), end: () => server.start() },
    { name: 'frozen (SIGSTOP)', begin: () => server.pause(), end: () => server.resume() },
    { name: 'black-holed', begin: () => proxy.blackhole(), end: () => proxy.pass() },
    { name: 'behind a network that drops everything', begin: () => proxy.drop(), end: () => proxy.pass() },
    { name: 'slow', begin: () => proxy.delay(3000), end: () => proxy.pass() },
    { name: 'refusing', begin: () => proxy.refuse(), end: () => proxy.pass() },
  ];

  describe.each(faults)('with a Redis that is $name', ({ begin, end }) => {
    // How soon is said by the test of the probe, on a clock of its own, and measured by `benchmarks/outage.ts`.
    test('opens, fails what is in flight then and new calls before their deadlines, and closes by itself', async () => {
      await engine.close();
      engine = open({ commandTimeoutMs: NEVER_MS });
      await eventually(() => engine.set('a', '1'));
      try {
        const beginning = begin();
        const calls = [engine.mget(['a']), engine.hincrby('h', 'n', 1), engine.set('b', '1')].map((call) =>
          call.then(
            () => 'ok',
            (error: unknown) => (error as { code: string }).code,
          ),
        );
        await beginning;
        await opens();
        const settled = await Promise.all(calls);
        expect(['ok', 'REDIS_UNAVAILABLE']).toContain(settled[0]);
        expect(['ok', 'REDIS_UNAVAILABLE', 'REDIS_UNKNOWN_OUTCOME']).toContain(settled[1]);

        await expect(engine.mget(['a'])).rejects.toThrow(UnavailableError);
        expect(engine.status).toMatchObject({ available: false, reason: expect.stringMatching(/./) });
      } finally {
        await end();
      }
      await closes();
      expect(await engine.set('c', '1')).toMatchObject({ stored: true });
    });
  });

  test('a long outage, too, ends by itself', async () => {
    proxy.drop();
    // More attempts to connect have hung than one may.
    await eventually(() => expect(engine.status.reason).toContain('connecting took more than'));
    await eventually(() => expect(proxy.connections).toBe(0), { intervalMs: 1 });
    proxy.pass();
    await closes();
    expect(await engine.set('a', '2')).toMatchObject({ stored: true });
  });

  test('says on its channel when it opens, tries and closes, and why', async () => {
    const events: RedisBreakerEvent[] = [];
    const listen = (event: unknown): void => void events.push(event as RedisBreakerEvent);
    subscribe('holdfast:redis:breaker', listen);
    try {
      server.pause();
      await opens();
      server.resume();
      await closes();
      expect(events.map(({ state }) => state)).toEqual(['open', 'half-open', 'closed']);
      expect(events[0]).toMatchObject({ connection: 'guarded', reason: expect.stringContaining('not answered for') });
    } finally {
      unsubscribe('holdfast:redis:breaker', listen);
      server.resume();
    }
  });

  test('opens on calls that time out, without a probe', async () => {
    await engine.close();
    engine = open({ probeIntervalMs: 0, commandTimeoutMs: 250 });
    await engine.set('a', '1', { deadlineMs: 60_000 });
    proxy.blackhole();
    const calls = Array.from({ length: 5 }, () => engine.hincrby('h', 'n', 1));
    const results = await Promise.allSettled(calls);
    expect(results.map((result) => result.status)).toEqual(Array(5).fill('rejected'));
    await opens();
    proxy.pass();
    await closes();
  });

  describe('on a connection that lives, but answers late', () => {
    const ROUND_TRIP_MS = 420;
    const reasons: (string | undefined)[] = [];
    const listen = (event: unknown): void => void reasons.push((event as RedisBreakerEvent).reason);

    beforeEach(async () => {
      await engine.close();
      // The probe finds the connection alive, and has the patience to.
      engine = open({ probeDeadlineMs: 3000 });
      await engine.set('a', '1');
      reasons.length = 0;
      subscribe('holdfast:redis:breaker', listen);
      proxy.delay(ROUND_TRIP_MS / 2);
    });
    afterEach(() => {
      unsubscribe('holdfast:redis:breaker', listen);
      proxy.pass();
    });

    test('opens by itself after five calls in a row that were not answered in time', async () => {
      const results = await Promise.allSettled(
        Array.from({ length: 5 }, () => engine.hincrby('h', 'n', 1, { deadlineMs: 250 })),
      );
      expect(results).toEqual(Array(5).fill(expect.objectContaining({ status: 'rejected' })));
      await opens();
      expect(reasons[0]).toContain('too many calls were not answered in time');
      proxy.pass();
      await closes();
    });

    test('opens by itself when most calls of a while are not, though others are', async () => {
      let answered = 0;
      while (engine.status.available) {
        // Four at most in a row; then one that waits for its answer.
        const hasty = Array.from({ length: 4 }, () => engine.hincrby('h', 'n', 1, { deadlineMs: 250 }));
        const patient = engine.hincrby('h', 'patient', 1);
        await Promise.allSettled(hasty);
        await patient.then(
          () => (answered += 1),
          () => undefined,
        );
      }
      expect(answered).toBeGreaterThanOrEqual(3);
      expect(reasons[0]).toContain('too many calls were not answered in time');
      proxy.pass();
      await closes();
    });
  });

  test('is not opened by callers in a hurry, nor by refusals', async () => {
    await engine.close();
    engine = open({ probeIntervalMs: 0 });
    await engine.set('a', '1');
    proxy.delay(200);
    await Promise.allSettled(Array.from({ length: 20 }, () => engine.hincrby('h', 'n', 1, { deadlineMs: 40 })));
    proxy.pass();
    const refused = await Promise.allSettled(Array.from({ length: 20 }, () => engine.hget('a', ['f'])));
    expect(refused[19]).toMatchObject({ reason: { code: 'REDIS_WRONG_TYPE' } });
    expect(engine.status).toEqual({ available: true, breaker: 'closed' });
  });

  test('a call ends with its deadline where nothing else ends it, whatever happens', async () => {
    await engine.close();
    // Neither a probe nor the timeout of a command ends them.
    engine = open({ probeIntervalMs: 0, commandTimeoutMs: NEVER_MS });
    await engine.set('a', '1');
    const ended = async (): Promise<unknown> =>
      Promise.all(
        [20, 60, 120, 250].map((deadlineMs) =>
          engine.hincrby('h', 'n', 1, { deadlineMs }).catch((error: unknown) => {
            expect(error).toBeInstanceOf(Error);
          }),
        ),
      );
    for (const { begin, end } of faults.slice(1, 5)) {
      const calls = ended();
      await begin();
      try {
        await calls;
        await ended();
      } finally {
        await end();
      }
      await closes();
    }
  });

  test('a write that was on its way to a frozen Redis is unknown, and is not sent again', async () => {
    server.pause();
    try {
      await expect(engine.hincrby('h', 'n', 1)).rejects.toThrow(UnknownOutcomeError);
    } finally {
      server.resume();
    }
    await closes();
    expect(Number((await engine.hget('h', ['n']))[0] ?? 0)).toBeLessThanOrEqual(1);
  });

  // How often, and that one which is talked to is not asked, is said by the test of the probe, on a clock of its own.
  test('asks a silent Redis again and again', async () => {
    const watched = await monitor(server.url);
    try {
      const asked = (): number => watched.commands().filter(([name]) => name?.toLowerCase() === 'time').length;
      await eventually(() => expect(asked()).toBeGreaterThanOrEqual(4));
    } finally {
      await watched.stop();
    }
  });

  test('knows the time of the server from the connection on', async () => {
    // The clock of this process stands at its beginning: what is told is not its time.
    vi.spyOn(Date, 'now').mockReturnValue(0);
    try {
      const now = engine.now();
      expect(Math.abs(now - (await engine.time()))).toBeLessThan(3_600_000);
      expect(Number.isInteger(now)).toBe(true);
    } finally {
      vi.restoreAllMocks();
    }
  });
});
