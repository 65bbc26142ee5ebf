import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setImmediate } from 'node:timers/promises';
import { eventually, Latch, type RedisCluster, type RedisServer, startCluster } from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFailed, test, vi } from 'vitest';
import { createEngine, type RedisEngine } from '../src/index.ts';
import { counterWithLimit } from './contract/example-script.ts';
import { stored } from './stored.ts';

const allKeys = Array.from({ length: 50 }, (_, index) => `key:${index}`);

/** No replica takes over here, so it is the engine alone that copes. */
describe('when a master of a cluster without failover', () => {
  let cluster: RedisCluster;
  let engine: RedisEngine;
  let victim: RedisServer;
  /** Keys of which the first lies on the victim, and the second elsewhere. */
  let lost: string;
  let kept: string;
  const events: unknown[] = [];
  const listen = (event: unknown): number => events.push(event);

  beforeAll(async () => {
    cluster = await startCluster();
    subscribe('holdfast:redis:node', listen);
  });
  afterAll(async () => {
    unsubscribe('holdfast:redis:node', listen);
    await cluster.stop();
  });
  beforeEach(async () => {
    for (const node of cluster.nodes) await node.command('CONFIG', 'SET', 'cluster-replica-no-failover', 'yes');
    // A deadline that hides nothing: what fails does so because the master is known to be away. How soon that is known is
    // said by the test of the probe, on a clock of its own.
    engine = createEngine({
      name: 'masters',
      target: { kind: 'cluster', nodes: cluster.addresses },
      commandTimeoutMs: 600_000,
    });
    await stored(engine, allKeys);
    victim = await cluster.masterOf('key:0');
    lost = 'key:0';
    kept = await keyNotOn(cluster, victim);
    events.length = 0;
  });
  afterEach(() => engine.close());

  test('is frozen, its slots fail before any deadline, the others work, and it comes back', async () => {
    const over = new Latch();
    // Also where the test fails before: what goes on calling a closed engine leaves no turn to anything else.
    onTestFailed(() => over.open());
    const failures: unknown[] = [];
    const others = (async (): Promise<void> => {
      while (!over.isOpen) {
        await engine.set(kept, '1').catch((error: unknown) => failures.push(error));
        await setImmediate();
      }
    })();
    victim.pause();
    expect(await failure(engine.set(lost, '2'))).toMatchObject({ status: 503 });
    for (let count = 0; count < 21; count += 1) {
      expect(await failure(engine.get(lost))).toMatchObject({ code: 'REDIS_UNAVAILABLE' });
    }

    const [no, yes, script] = await engine.batch([
      { op: 'set', key: lost, value: '3' },
      { op: 'set', key: kept, value: '3' },
      { op: 'run', script: counterWithLimit, keys: [`{${kept}}n`, `{${kept}}m`], args: ['n', '9'] },
    ]);
    expect([no?.ok, yes?.ok, script?.ok]).toEqual([false, true, true]);
    expect(await engine.time()).toBeGreaterThan(0);
    expect(engine.status).toMatchObject({ available: true });

    victim.resume();
    await eventually(async () => expect((await engine.get(lost))?.toString()).toBeDefined());
    over.open();
    await others;
    expect(failures).toEqual([]);
    const node = `${victim.host}:${victim.port}`;
    expect(events).toEqual([
      { connection: 'masters', node, available: false, reason: expect.stringMatching(/has not answered for \d+ ms/) },
      { connection: 'masters', node, available: true },
    ]);
  });

  test('is frozen and the others insist on all slots, they are as good as away, and come back with it', async () => {
    // The cluster itself takes four times that to forgive.
    const configure = async (coverage: string, timeoutMs: string): Promise<void> => {
      for (const node of cluster.nodes) {
        const options = ['cluster-require-full-coverage', coverage, 'cluster-node-timeout', timeoutMs];
        await node.command('CONFIG', 'SET', ...options);
      }
    };
    await configure('yes', '800');
    try {
      victim.pause();
      await eventually(async () => {
        for (const key of allKeys) expect(await failure(engine.get(key))).toMatchObject({ status: 503 });
        expect(engine.status).toMatchObject({ available: false });
      });
      expect(engine.slotsAway?.()).toHaveLength(16_384);
      victim.resume();
      await eventually(async () => {
        expect(await engine.set(kept, '1')).toMatchObject({ stored: true });
        expect(engine.status).toMatchObject({ available: true });
      });
    } finally {
      victim.resume();
      await configure('no', '2000');
    }
  });

  test('is killed, its slots fail at once, the others work, and it comes back', async () => {
    await victim.kill();
    await eventually(async () => expect(await failure(engine.get(lost))).toMatchObject({ status: 503 }));
    for (let count = 0; count < 21; count += 1) {
      expect(await failure(engine.set(lost, '2'))).toMatchObject({ code: 'REDIS_UNAVAILABLE' });
    }
    expect(await engine.set(kept, '2')).toMatchObject({ stored: true });
    await victim.start();
    await eventually(async () => expect(await engine.set(lost, '3')).toMatchObject({ stored: true }));
  });

  test('is one of all that are frozen, the engine is away, and comes back with them', async () => {
    const masters = await cluster.masters();
    const heard: boolean[] = [];
    engine.onAvailability((available) => heard.push(available));
    for (const master of masters) master.pause();
    await eventually(() => expect(engine.status).toMatchObject({ available: false, breaker: 'open' }));
    expect(await failure(engine.time())).toMatchObject({ code: 'REDIS_UNAVAILABLE' });
    for (const master of masters) master.resume();
    await eventually(() => expect(engine.status.available).toBe(true));
    await eventually(async () => expect(await engine.set(lost, '4')).toMatchObject({ stored: true }));
    expect(heard).toEqual([false, true]);
  });

  test('is killed with all nodes, the engine is away until they are back, and works as soon as it says so', async () => {
    const heard: boolean[] = [];
    const first = Promise.withResolvers<unknown>();
    engine.onAvailability((available) => {
      heard.push(available);
      if (available) first.resolve(failure(engine.time()));
    });
    await Promise.all(cluster.nodes.map((node) => node.kill()));
    await eventually(() => expect(engine.status.available).toBe(false));
    await Promise.all(cluster.nodes.map((node) => node.start()));
    expect(await first.promise).toBeUndefined();
    await eventually(async () => expect(await engine.set(lost, '5')).toMatchObject({ stored: true }));
    expect(heard).toEqual([false, true]);
  });

  test('is the first by its address, the time is that of its clock', async () => {
    const [first] = (await cluster.masters()).toSorted((a, b) => (a.port < b.port ? -1 : 1));
    vi.spyOn(Date, 'now').mockReturnValue(0);
    try {
      const time = await first?.command('TIME');
      // Seconds since the epoch; the clock of this process stands at its beginning.
      expect(Math.abs(engine.now() - Number(Array.isArray(time) ? time[0] : NaN) * 1000)).toBeLessThan(3_600_000);
    } finally {
      vi.restoreAllMocks();
    }
  });
});

/** What a call failed with; `undefined` when it did not. */
async function failure(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
}

async function keyNotOn(cluster: RedisCluster, server: RedisServer): Promise<string> {
  for (let index = 0; ; index += 1) {
    if ((await cluster.masterOf(`key:${index}`)) !== server) return `key:${index}`;
  }
}

/** The replicas tell where the slots are, and the client takes that for a connection. */
test.each([
  ['frozen', async (one: RedisServer) => one.pause(), async (one: RedisServer) => one.resume()],
  ['killed', async (one: RedisServer) => one.kill(), async (one: RedisServer) => one.start()],
])('a cluster whose masters are all %s is not available before one of them has answered', async (_name, end, heal) => {
  const cluster = await startCluster();
  const masters = await cluster.masters();
  for (const node of cluster.nodes) await node.command('CONFIG', 'SET', 'cluster-replica-no-failover', 'yes');
  const replicas = cluster.nodes.filter((node) => !masters.includes(node));
  await Promise.all(masters.map(end));
  const engine = createEngine({
    name: 'first',
    target: { kind: 'cluster', nodes: replicas.map(({ host, port }) => ({ host, port })) },
  });
  const heard: boolean[] = [];
  engine.onAvailability((available) => heard.push(available));
  try {
    await eventually(() => expect(engine.status.reason).toMatch(/No master of the cluster|node .* is away/));
    expect(await failure(engine.get('key'))).toMatchObject({ code: 'REDIS_UNAVAILABLE' });
    expect(engine.status).toMatchObject({ available: false, neverConnected: true });
    expect(heard).toEqual([]);
    await Promise.all(masters.map(heal));
    await eventually(async () => expect(await engine.set('key', '1')).toMatchObject({ stored: true }));
    expect(heard[0]).toBe(true);
  } finally {
    await Promise.all(masters.map(heal));
    await engine.close();
    await cluster.stop();
  }
});
