import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { eventually, FaultProxy, PlainRedis, type RedisServer, spawnNode, startRedis } from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { IoredisEngine } from '../src/engines/ioredis.ts';
import { defineScript, type EngineOptions, type RedisTrackingEvent } from '../src/index.ts';

/** Reads are tracked by Redis, and what changes elsewhere is reported. Each connection can be broken by itself. */
describe('tracking of reads', () => {
  let server: RedisServer;
  let commands: FaultProxy;
  let invalidations: FaultProxy;
  let engine: IoredisEngine;
  /** What the listener heard, in order; `null` for a flush or the end of an epoch. */
  let heard: (string | null)[];

  /** Its Redis may take as long as a busy machine needs. */
  const patient = { probeDeadlineMs: 30_000, commandTimeoutMs: 30_000 };
  const open = (options: Partial<EngineOptions> = {}): IoredisEngine =>
    new IoredisEngine(
      {
        name: 'tracked',
        target: { kind: 'standalone', host: commands.host, port: commands.port },
        ...patient,
        ...options,
      },
      { kind: 'standalone', host: invalidations.host, port: invalidations.port },
    );
  const armed = (): Promise<number> =>
    eventually(() => {
      expect(engine.trackingEpoch).toBeGreaterThan(0);
      return engine.trackingEpoch;
    });
  const connectionsNamed = async (role: string): Promise<string[]> =>
    String(await server.command('CLIENT', 'LIST'))
      .split('\n')
      .filter((line) => line.includes(`name=holdfast:tracked:${role} `));
  const killConnection = async (role: string): Promise<void> => {
    for (const line of await connectionsNamed(role)) {
      await server.command('CLIENT', 'KILL', 'ID', /^id=(\d+)/.exec(line)?.[1] ?? '');
    }
  };

  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    await server.command('FLUSHALL');
    commands = await FaultProxy.listen(server.url);
    invalidations = await FaultProxy.listen(server.url);
    heard = [];
    engine = open();
    engine.onInvalidate((keys) => heard.push(...(keys ?? [null])));
    await armed();
  });
  afterEach(async () => {
    await engine.close();
    await Promise.all([commands.close(), invalidations.close()]);
  });

  test.each([
    ['SET', ['SET', 'a', '2']],
    ['DEL', ['DEL', 'a']],
    ['UNLINK', ['UNLINK', 'a']],
    ['EXPIRE', ['EXPIRE', 'a', '100']],
    ['RENAME', ['RENAME', 'a', 'b']],
    ['a script', ['EVAL', "redis.call('SET', KEYS[1], '2')", '1', 'a']],
  ])('a %s of somebody else reaches the listener', async (_name, command) => {
    await engine.set('a', '1');
    await engine.mget(['a']);
    await server.command(...command);
    await eventually(() => expect(heard).toEqual(['a']));
  });

  test('an expiry reaches the listener, though nobody reads the key', async () => {
    await eventually(async () => {
      await engine.set('a', '1', { pxMs: 200 });
      // On a busy machine it may have expired before it was read.
      expect((await engine.mget(['a']))[0]?.toString()).toBe('1');
    });
    await eventually(() => expect(heard).toEqual(['a']));
  });

  test('each key of a multiple read, and of a hash, is tracked', async () => {
    await server.command('HSET', 'h', 'f', '1');
    await Promise.all([engine.mget(['a', 'b']), engine.hgetall('h')]);
    await server.command('MSET', 'a', '1', 'b', '1');
    await server.command('HDEL', 'h', 'f');
    await eventually(() => expect(new Set(heard)).toEqual(new Set(['a', 'b', 'h'])));
  });

  test('a flush is reported as any key', async () => {
    await engine.mget(['a']);
    await server.command('FLUSHDB');
    await eventually(() => expect(heard).toEqual([null]));
    expect(engine.trackingEpoch).toBeGreaterThan(0);
  });

  test('a key that was missing when it was read is reported when it appears', async () => {
    expect(await engine.mget(['later'])).toEqual([null]);
    await server.command('SET', 'later', '1');
    await eventually(() => expect(heard).toEqual(['later']));
  });

  test('writes of the engine itself are reported as any, one message for each read', async () => {
    await engine.mget(['a', 'last']);
    await engine.set('a', '1');
    await engine.set('a', '2');
    await engine.mget(['a']);
    await engine.del(['a']);
    // Behind them: what was to be said of them has been said when it arrives.
    await server.command('SET', 'last', '1');
    await eventually(() => expect(heard).toEqual(['a', 'a', 'last']));
  });

  test('reads inside a script, and SET with GET, are not tracked', async () => {
    const reader = defineScript<Buffer | null>({
      name: 'tracking-reader',
      lua: "return redis.call('GET', ARGV[1])",
      idempotent: true,
      twin: (store, _keys, [key]) => store.get(String(key)),
    });
    await engine.set('inside', '1');
    await engine.set('got', '1', { get: true });
    await engine.run(reader, [], ['inside']);
    await engine.mget(['last']);
    await server.command('MSET', 'inside', '2', 'got', '2', 'last', '2');
    await eventually(() => expect(heard).toEqual(['last']));
  });

  describe.each(['commands', 'subscriber'])('when the %s connection is lost', (role) => {
    test('the epoch ends, the listener hears of it, and another epoch begins', async () => {
      const before = await armed();
      const seen: number[] = [];
      engine.onInvalidate(() => seen.push(engine.trackingEpoch));
      await killConnection(role);
      await eventually(() => expect(heard).toEqual([null]));
      expect(seen).toEqual([0]);
      expect(await armed()).toBeGreaterThan(before);
      await engine.mget(['a']);
      await server.command('SET', 'a', '1');
      await eventually(() => expect(heard).toEqual([null, 'a']));
    });

    test('again and again, each epoch is another and no connection is left behind', async () => {
      const epochs = new Set([await armed()]);
      for (let round = 2; round <= 6; round += 1) {
        await killConnection(role);
        await eventually(() => {
          if (engine.trackingEpoch !== 0) epochs.add(engine.trackingEpoch);
          expect(epochs.size).toBe(round);
        });
      }
      await eventually(async () => {
        expect(await connectionsNamed('commands')).toHaveLength(1);
        expect(await connectionsNamed('subscriber')).toHaveLength(1);
      });
    });
  });

  test('a read that began before the loss belongs to no epoch that is current after it', async () => {
    const epoch = await armed();
    const cut = commands.cutBeforeReply({ matching: 'mget' });
    // Tried again by itself, on the new connection; where that comes too late, it fails.
    const reading = engine.mget(['a']).catch(() => undefined);
    await cut;
    await reading;
    expect(engine.trackingEpoch).not.toBe(epoch);
  });

  test('a subscriber that is silent, though open, ends the epoch within the heartbeat', async () => {
    const before = await armed();
    invalidations.blackhole();
    await eventually(() => expect(engine.trackingEpoch).toBe(0));
    expect(heard).toEqual([null]);
    expect(engine.status.available).toBe(true);
    invalidations.pass();
    expect(await armed()).toBeGreaterThan(before);
  });

  test('a subscriber that cannot connect leaves reads and writes alone', async () => {
    invalidations.refuse();
    await eventually(() => expect(engine.trackingEpoch).toBe(0));
    expect(await engine.set('a', '1')).toMatchObject({ stored: true });
    expect((await engine.mget(['a']))[0]?.toString()).toBe('1');
    invalidations.pass();
    await armed();
  });

  test('connections that lead to different servers arm nothing', async () => {
    const [home, other] = await Promise.all([startRedis(), startRedis()]);
    // So that the ids which the other server gives are those of somebody here.
    const neighbours = await Promise.all(Array.from({ length: 50 }, () => PlainRedis.connect(home.url)));
    const strange = new IoredisEngine(
      { name: 'strange', target: { kind: 'standalone', host: home.host, port: home.port } },
      { kind: 'standalone', host: other.host, port: other.port },
    );
    const reasons: string[] = [];
    const listen = (event: unknown): void => {
      const { connection, reason } = event as RedisTrackingEvent;
      if (connection === 'strange') reasons.push(reason ?? 'armed');
    };
    subscribe('holdfast:redis:tracking', listen);
    try {
      strange.onInvalidate(() => undefined);
      await eventually(() => expect(reasons).toContain('the connections lead to different servers'));
      expect(reasons).not.toContain('armed');
      expect(strange.trackingEpoch).toBe(0);
    } finally {
      unsubscribe('holdfast:redis:tracking', listen);
      await strange.close();
      for (const neighbour of neighbours) neighbour.close();
      await Promise.all([home.stop(), other.stop()]);
    }
  });

  test('without a listener, or switched off, there is no second connection', async () => {
    await engine.close();
    engine = open();
    await engine.time();
    expect(await connectionsNamed('subscriber')).toEqual([]);
    await engine.close();
    engine = open({ tracking: false });
    engine.onInvalidate(() => undefined);
    await engine.time();
    expect(await connectionsNamed('subscriber')).toEqual([]);
    expect(engine.trackingEpoch).toBe(0);
  });

  // How soon is measured by `benchmarks/invalidation-delay.ts`.
  test('an invalidation arrives, each time, without a heartbeat', async () => {
    await engine.close();
    engine = open({ trackingHeartbeatMs: 600_000 });
    const writer = await PlainRedis.connect(server.url);
    let arrived = 0;
    engine.onInvalidate(() => (arrived += 1));
    await armed();
    arrived = 0;
    for (let round = 0; round < 50; round += 1) {
      await engine.mget(['a']);
      await writer.send('SET', 'a', String(round));
      await eventually(() => expect(arrived).toBe(round + 1), { intervalMs: 1 });
    }
    writer.close();
  });

  test('a closed engine holds nothing open: its process ends by itself', async () => {
    const user = spawnNode(new URL('processes/engine-user.ts', import.meta.url), {
      args: [server.host, String(server.port)],
    });
    await user.waitForLine(/^closed$/);
    expect(await user.exited).toEqual({ code: 0, signal: null });
  });

  test('closing ends the epoch', async () => {
    await engine.close();
    expect(heard).toEqual([null]);
    expect(engine.trackingEpoch).toBe(0);
    await eventually(async () => expect(await connectionsNamed('subscriber')).toEqual([]));
  });

  /** On a server of its own, of which the connections are then not disturbed. */
  describe('of what Redis forgets by itself, inside a command of this very engine,', () => {
    const moveTo = async (...args: string[]): Promise<RedisServer> => {
      const own = await startRedis({ args });
      await engine.close();
      const { host, port } = own;
      const target = { kind: 'standalone', host, port } as const;
      // A machine that is busy elsewhere is no interruption: what is evicted in one is reported to nobody.
      engine = new IoredisEngine({ name: 'tracked', target, ...patient, trackingHeartbeatMs: 60_000 });
      heard = [];
      engine.onInvalidate((keys) => heard.push(...(keys ?? [null])));
      await armed();
      return own;
    };

    test('keys that it evicts for lack of memory are reported', async () => {
      const own = await moveTo('--maxmemory', '4mb', '--maxmemory-policy', 'allkeys-lru');
      const names = Array.from({ length: 100 }, (_, index) => `held:${index}`);
      await Promise.all(names.map((name) => engine.set(name, 'x'.repeat(1000))));
      expect(await engine.mget(names)).not.toContain(null);
      // Nobody but this engine does anything from here on, until all of them are gone.
      for (let fill = 0; ; fill += 1) {
        await Promise.all(Array.from({ length: 50 }, (_, at) => engine.set(`fill:${fill}:${at}`, 'x'.repeat(10_000))));
        if (String(await own.command('EXISTS', ...names)) === '0') break;
      }
      await eventually(() => expect(new Set(heard)).toEqual(new Set(names)));
      await own.stop();
    });

    test('keys that fall out of a full tracking table are reported', async () => {
      const own = await moveTo('--tracking-table-max-keys', '10');
      const names = Array.from({ length: 200 }, (_, index) => `held:${index}`);
      for (const name of names) await engine.get(name);
      // Redis makes room as soon as it has answered, and once more at leisure.
      await eventually(() => expect(new Set(heard).size).toBeGreaterThanOrEqual(190));
      await own.stop();
    });
  });
});
