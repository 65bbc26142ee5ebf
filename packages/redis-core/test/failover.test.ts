import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { eventually, Latch, type RedisServer, startCluster, startSentinel } from '@holdfast/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createEngine, type EngineOptions, HoldfastError, type RedisEngine } from '../src/index.ts';
import { stored } from './stored.ts';

const DEADLINE_MS = 700;

function engineAt(target: EngineOptions['target']): RedisEngine {
  return createEngine({ name: 'failover', target, commandTimeoutMs: DEADLINE_MS, connectionTimeoutMs: 2000 });
}

/** What goes on calling an engine has to end where a test fails before it ends it. */
const running: (() => unknown)[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((end) => end()));
});

/** Timers and sockets have their turn. */
const turn = async (): Promise<void> => {
  await new Promise<void>((resolve) => {
    setImmediate(resolve);
  });
};

/**
 * For what need not follow at once: thousands of calls a second that fail, or only have to succeed, take a core from what is to
 * heal; and among so many attempts those that were applied twice would be hidden.
 */
const shortPause = async (): Promise<void> => {
  await new Promise<void>((resolve) => {
    setTimeout(resolve, 10);
  });
};

interface Load {
  attempts: number;
  acknowledged: number;
  readonly strangeErrors: unknown[];
  stop(): Promise<void>;
}

/** Increments one counter without pause while it succeeds, in several lanes, and notes what it was told. */
function incrementWithoutPause(engine: RedisEngine, key: string): Load {
  const ended = new Latch();
  const load: Load = {
    attempts: 0,
    acknowledged: 0,
    strangeErrors: [],
    async stop() {
      ended.open();
      await Promise.all(lanes);
    },
  };
  const lane = async (): Promise<void> => {
    while (!ended.isOpen) {
      load.attempts += 1;
      try {
        await engine.hincrby(key, 'n', 1);
        load.acknowledged += 1;
        await turn();
      } catch (error) {
        if (!(error instanceof HoldfastError) || error.status !== 503) load.strangeErrors.push(error);
        await shortPause();
      }
    }
  };
  const lanes = [lane(), lane(), lane(), lane()];
  running.push(() => load.stop());
  return load;
}

/** The engine works again; then the counter holds no more than was ever tried, and no call still waits. */
async function expectSoundAfter(load: Load, engine: RedisEngine, key: string): Promise<void> {
  const before = load.acknowledged;
  await eventually(() => expect(load.acknowledged).toBeGreaterThan(before + 20));
  await load.stop();
  const [stored] = await engine.hget(key, ['n']);
  expect(Number(stored?.toString())).toBeLessThanOrEqual(load.attempts);
  expect(load.strangeErrors).toEqual([]);
}

const faults = [
  ['killed', 'SIGKILL'],
  ['frozen', 'SIGSTOP'],
] as const;

describe('when the master of a sentinel set is', () => {
  test.each(faults)(
    '%s, the engine goes on with the next one, and applies nothing twice',
    async (_name, signal) => {
      const sentinel = await startSentinel();
      const { addresses, masterName } = sentinel;
      const engine = engineAt({ kind: 'sentinel', sentinels: addresses, masterName });
      try {
        const load = incrementWithoutPause(engine, 'count');
        await eventually(() => expect(load.acknowledged).toBeGreaterThan(100));
        const promoted = await sentinel.failover(signal);
        await expectSoundAfter(load, engine, 'count');
        expect(await promoted.command('HGET', 'count', 'n')).toBe(String((await engine.hget('count', ['n']))[0]));
      } finally {
        await engine.close();
        await sentinel.stop();
      }
    },
    90_000,
  );

  test('exchanged for another while it runs, the engine leaves it before it is demoted', async () => {
    const sentinel = await startSentinel();
    const { addresses, masterName } = sentinel;
    const said: string[] = [];
    const write = vi.spyOn(process.stderr, 'write').mockImplementation((chunk) => said.push(String(chunk)) > 0);
    const engine = engineAt({ kind: 'sentinel', sentinels: addresses, masterName });
    try {
      const old = await sentinel.master();
      // A sentinel that is away is no reason to write to the console.
      await sentinel.sentinels[2]?.kill();
      const acknowledged: string[] = [];
      const ended = new Latch();
      running.push(() => ended.open());
      const lane = (async (): Promise<void> => {
        for (let n = 0; !ended.isOpen; n += 1) {
          await engine.set(`n${n}`, '1').then(
            () => acknowledged.push(`n${n}`),
            () => undefined,
          );
          await new Promise((resolve) => {
            setTimeout(resolve, 5);
          });
        }
      })();
      await engine.set('before', '1');
      await sentinel.sentinels[2]?.start();
      const promoted = await sentinel.plannedFailover();
      const at = acknowledged.length;
      await eventually(async () => {
        expect(acknowledged.length).toBeGreaterThan(at);
        expect(await promoted.command('EXISTS', acknowledged.at(-1) ?? '')).toBe(1);
      });
      // It would have been told of the demotion by the end of its connection.
      expect(String(await old.command('ROLE'))).toMatch(/^master/);
      ended.open();
      await lane;
      // Some of those before are gone, as the docs say; none of those after.
      const found = await Promise.all(acknowledged.slice(at).map((key) => promoted.command('EXISTS', key)));
      expect(found.filter((count) => count === 0).length).toBeLessThan(found.length);
      expect(await promoted.command('EXISTS', acknowledged.at(-1) ?? '')).toBe(1);
      expect(said).toEqual([]);
    } finally {
      write.mockRestore();
      await engine.close();
      await sentinel.stop();
    }
  }, 60_000);

  test('reached by sentinels that all go and come back, the engine works on and finds it again', async () => {
    const sentinel = await startSentinel();
    const { addresses, masterName } = sentinel;
    const engine = engineAt({ kind: 'sentinel', sentinels: addresses, masterName });
    try {
      await engine.set('a', '1');
      await Promise.all(sentinel.sentinels.map((one) => one.kill()));
      // Who is connected needs no sentinel; who is not hears so at once.
      expect((await engine.mget(['a']))[0]?.toString()).toBe('1');
      const lonely = engineAt({ kind: 'sentinel', sentinels: addresses, masterName });
      await expect(lonely.mget(['a'])).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
      await expect(lonely.mget(['a'])).rejects.toThrow(/ECONNREFUSED|sentinel/i);
      await Promise.all(sentinel.sentinels.map((one) => one.start()));
      await eventually(async () => expect((await lonely.mget(['a']))[0]?.toString()).toBe('1'));
      await lonely.close();
    } finally {
      await engine.close();
      await sentinel.stop();
    }
  });
});

describe('when a master of a cluster is', () => {
  test.each(faults)(
    '%s, its slots heal, the others never fail, and nothing is applied twice',
    async (_name, signal) => {
      const cluster = await startCluster();
      const engine = engineAt({ kind: 'cluster', nodes: cluster.addresses });
      const events: unknown[] = [];
      const listen = (event: unknown): number => events.push(event);
      subscribe('holdfast:redis:node', listen);
      try {
        const victim = await cluster.masterOf('count');
        const elsewhere = await keyElsewhere(cluster, victim);
        const load = incrementWithoutPause(engine, 'count');
        await eventually(() => expect(load.acknowledged).toBeGreaterThan(100));
        const failures: unknown[] = [];
        const healed = new Latch();
        const others = (async (): Promise<void> => {
          while (!healed.isOpen) {
            await engine.set(elsewhere, '1').catch((error: unknown) => failures.push(error));
            await shortPause();
          }
        })();
        running.push(() => healed.open());
        await cluster.failover(victim, signal);
        await expectSoundAfter(load, engine, 'count');
        healed.open();
        await others;
        expect(failures).toEqual([]);
        // Whoever was told that it is away is told that this is of no account any more.
        const gone = { connection: 'failover', node: `${victim.host}:${victim.port}`, available: false };
        await eventually(() => expect(events.at(-1)).toMatchObject({ ...gone, hasLeft: true }));
      } finally {
        unsubscribe('holdfast:redis:node', listen);
        await engine.close();
        await cluster.stop();
      }
    },
    90_000,
  );

  test('exchanged for its replica while it runs, nothing that was acknowledged is lost', async () => {
    const cluster = await startCluster();
    const engine = engineAt({ kind: 'cluster', nodes: cluster.addresses });
    try {
      const old = await cluster.masterOf('count');
      const load = incrementWithoutPause(engine, 'count');
      await eventually(() => expect(load.acknowledged).toBeGreaterThan(100));
      const roles = await Promise.all(cluster.nodes.map(async (node) => String(await node.command('ROLE'))));
      const replica = cluster.nodes[roles.findIndex((role) => role.startsWith(`slave,${old.host},${old.port},`))];
      // Redis gives one up that takes it more than five seconds, without a word: then it is asked for again.
      await eventually(async () => {
        if ((await cluster.masterOf('count')) === replica) return;
        await replica?.command('CLUSTER', 'FAILOVER');
        await eventually(async () => expect(await cluster.masterOf('count')).toBe(replica), { timeoutMs: 6000 });
      });
      await expectSoundAfter(load, engine, 'count');
      const [count] = await engine.hget('count', ['n']);
      expect(Number(count?.toString())).toBeGreaterThanOrEqual(load.acknowledged);
    } finally {
      await engine.close();
      await cluster.stop();
    }
  }, 60_000);

  test('gone, a scan that had begun still returns every key', async () => {
    const cluster = await startCluster();
    const engine = engineAt({ kind: 'cluster', nodes: cluster.addresses });
    try {
      const wanted = await stored(
        engine,
        Array.from({ length: 600 }, (_, index) => `scan:${index}`),
      );
      const first = await engine.scan({ prefix: 'scan:', count: 20 });
      const seen = new Set(first.keys);
      await cluster.failover(await cluster.masterOf('scan:0'));
      let { cursor } = first;
      while (cursor !== null) {
        const from = cursor;
        const page = await eventually(() => engine.scan({ prefix: 'scan:', count: 100, cursor: from }));
        for (const key of page.keys) seen.add(key);
        ({ cursor } = page);
      }
      expect(seen).toEqual(wanted);
    } finally {
      await engine.close();
      await cluster.stop();
    }
  });
});

async function keyElsewhere(
  cluster: { masterOf(key: string): Promise<RedisServer> },
  not: RedisServer,
): Promise<string> {
  for (let index = 0; ; index += 1) {
    if ((await cluster.masterOf(`elsewhere${index}`)) !== not) return `elsewhere${index}`;
  }
}
