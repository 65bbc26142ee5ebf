import { eventually, Latch, monitor, type Monitor, type RedisServer, startRedis } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Cache, LoaderFailedError } from '../../src/index.ts';
import { heldLoader, type Process, storeExpired, useProcesses } from './processes.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
const processes = useProcesses('ioredis', () => server);

const BIG = 'x'.repeat(1024 * 1024);
/** Stale at once, and there for longer than a lease, which would keep it otherwise. */
const stale = { softTtlMs: 1, leaseMs: 30_000 };

async function started(rules: Parameters<typeof processes.start>[0] = {}): Promise<Process> {
  const one = await processes.start(rules);
  await eventually(() => expect(one.l1.isTracked).toBe(true));
  return one;
}

async function storeStale(cache: Cache, value: unknown): Promise<void> {
  await cache.set('k', value);
  await eventually(async () => expect(await cache.read('k')).toMatchObject({ stale: true }));
}

/** The commands for the keys of this test, without their scripts' own. */
async function watch(): Promise<Monitor> {
  const { prefix } = processes.keys;
  return monitor(server.url, { where: ({ argv }) => argv.some((part) => part.includes(prefix)) });
}

/** Waits until somebody waits for the end of a lease that is held elsewhere. */
async function asksForLease(seen: Monitor): Promise<void> {
  const leaseKey = processes.keys.cacheLease(processes.keys.cache('ns', 'k'));
  await eventually(async () => {
    await seen.settle();
    expect(seen.commands().some(([name, key]) => name?.toLowerCase() === 'get' && key === leaseKey)).toBe(true);
  });
}

describe('what is loaded anew', () => {
  test('is served from L1 meanwhile, also by others, without being asked for again', async () => {
    const [one, two] = [await started(stale), await started(stale)];
    await storeStale(await processes.plainCacheOf(stale), BIG);
    const { load, started: loading, gate } = heldLoader(() => 'new');
    const other = vi.fn(() => 'not asked');
    expect(await one.cache.getOrSet('k', load)).toBe(BIG);
    await loading.wait();
    expect(await two.cache.getOrSet('k', other)).toBe(BIG); // asks for the lease, in vain
    const seen = await watch();
    try {
      await seen.settle();
      seen.reset();
      for (let call = 0; call < 50; call += 1) {
        for (const { cache } of [one, two]) {
          expect(await cache.getOrSet('k', other)).toBe(BIG);
          expect(await cache.get('k')).toBe(BIG);
          expect(await cache.read('k')).toMatchObject({ stale: true, layer: 'l1' });
          expect(await cache.getMany(['k'])).toEqual([BIG]);
        }
      }
      await seen.settle();
      expect(seen.commands()).toEqual([]);
    } finally {
      await seen.stop();
    }
    gate.open();
    await eventually(async () => expect(await two.cache.get('k')).toBe('new'));
    expect(other).not.toHaveBeenCalled();
  });

  test('costs the one who loads two commands, and others one', async () => {
    const [one, two] = [await started(stale), await started(stale)];
    await storeExpired(one.cache, 'old', 'warm-up');
    await one.cache.getOrSet('warm-up', () => 'new'); // the scripts are known from here on
    await storeStale(await processes.plainCacheOf(stale), 'old');
    for (const { cache } of [one, two]) await cache.read('k');
    const { load, gate } = heldLoader(() => 'new');
    const seen = await watch();
    const sent = (count: number): Promise<void> =>
      eventually(async () => {
        await seen.settle();
        expect(seen.count('evalsha')).toBe(count);
      });
    try {
      await one.cache.getOrSet('k', load);
      await sent(1); // the lease
      for (let call = 0; call < 20; call += 1) await two.cache.getOrSet('k', () => 'not asked');
      await sent(2); // the lease, in vain
      gate.open();
      await sent(3); // the fill
      expect(seen.count()).toBe(3);
      await eventually(async () => expect(await two.cache.get('k')).toBe('new'));
      await seen.settle();
      expect(seen.count()).toBe(4);
    } finally {
      await seen.stop();
    }
  });

  test.each([
    ['a set', (cache: Cache) => cache.set('k', 'written'), 'written'],
    ['a delete', (cache: Cache) => cache.delete('k'), undefined],
    ['an expiry', (cache: Cache) => cache.invalidate({ keys: ['k'] }, { mode: 'expire' }), undefined],
    ['an expiry of all', (cache: Cache) => cache.invalidate({ all: true }, { mode: 'expire' }), undefined],
  ])('is not stored after %s elsewhere', async (_, change, then) => {
    const rules = { ...stale, graceMs: 60_000 };
    const [one, other] = [await started(rules), await processes.plainCacheOf(rules)];
    await storeStale(one.cache, 'old');
    const { load, started: loading, gate } = heldLoader(() => 'of before');
    await one.cache.getOrSet('k', load);
    await loading.wait();
    await change(other);
    const seen = await watch();
    gate.open();
    await eventually(async () => {
      await seen.settle();
      expect(seen.count('evalsha')).toBe(1); // the fill
    });
    await seen.stop();
    expect(await other.get('k')).toBe(then);
    expect(await one.engine.mget([processes.keys.cacheLease(processes.keys.cache('ns', 'k'))])).toEqual([null]);
  });

  test('can be loaded by somebody else at once after a write, whatever the load from before does', async () => {
    const [one, two] = [await started(stale), await started(stale)];
    await storeStale(one.cache, 'old');
    const before = heldLoader(() => 'of before');
    await one.cache.getOrSet('k', before.load);
    await before.started.wait();
    await storeStale(two.cache, 'written');
    expect(await two.cache.getOrSet('k', () => 'of after')).toBe('written');
    await eventually(async () => expect(await two.cache.get('k')).toBe('of after'));
    before.gate.open();
    await eventually(async () => expect(await one.cache.get('k')).toBe('of after'));
  });

  test('does not vanish under its own load', async () => {
    const { cache, engine } = await started({ ttlMs: 400, graceMs: 0, softTtlMs: 1, leaseMs: 60_000 });
    await storeStale(cache, 'old');
    const { load, started: loading, gate } = heldLoader(() => 'new');
    await cache.getOrSet('k', load);
    await loading.wait();
    expect(await engine.pttl(processes.keys.cache('ns', 'k'))).toBeGreaterThan(1000);
    gate.open();
    await eventually(async () => expect(await engine.pttl(processes.keys.cache('ns', 'k'))).toBeLessThanOrEqual(400));
  });

  test('is waited for where it is over, and its failure ends the wait', async () => {
    const rules = { graceMs: 60_000, leaseMs: 60_000, failureThrottleMs: 60_000 };
    const [one, two] = [await started(rules), await started(rules)];
    await storeExpired(one.cache, 'old');
    const {
      load,
      started: loading,
      gate,
    } = heldLoader<string>(() => {
      throw new Error('down');
    });
    const first = one.cache.getOrSet('k', load);
    await loading.wait();
    const seen = await watch();
    const second = two.cache.getOrSet('k', () => 'not asked');
    await asksForLease(seen);
    await seen.stop();
    gate.open();
    expect(await first).toBe('old');
    expect(await second).toBe('old');
  });

  test('tells those who wait without having anything to serve that it failed', async () => {
    const [one, two] = [await started({ leaseMs: 60_000 }), await started({ leaseMs: 60_000 })];
    await one.cache.set('k', 'old', { tags: ['t'] });
    await one.cache.invalidate({ tags: ['t'] });
    const {
      load,
      started: loading,
      gate,
    } = heldLoader(() => {
      throw new TypeError('no such user');
    });
    const first = expect(one.cache.getOrSet('k', load)).rejects.toThrow(TypeError);
    await loading.wait();
    const seen = await watch();
    const second = expect(two.cache.getOrSet('k', () => 'not asked')).rejects.toThrow(LoaderFailedError);
    await asksForLease(seen);
    await seen.stop();
    gate.open();
    await first;
    await second;
    expect(await two.cache.getOrSet('k', () => 'loaded')).toBe('loaded');
  });

  test('is served without a command while its loader is left alone, in whichever process it failed', async () => {
    const rules = { graceMs: 60_000, failureThrottleMs: 60_000 };
    const [one, two] = [await started(rules), await started(rules)];
    await storeExpired(await processes.plainCacheOf(rules), BIG);
    const failing = vi.fn(() => Promise.reject(new Error('down')));
    const never = vi.fn(() => 'not asked');
    expect(await one.cache.getOrSet('k', failing)).toBe(BIG);
    expect(await two.cache.getOrSet('k', never)).toBe(BIG);
    const seen = await watch();
    for (let call = 0; call < 20; call += 1) {
      for (const { cache } of [one, two]) expect(await cache.getOrSet('k', never)).toBe(BIG);
    }
    await seen.settle();
    expect(seen.commands()).toEqual([]);
    await seen.stop();
    expect(failing).toHaveBeenCalledTimes(1);
    expect(never).not.toHaveBeenCalled();
  });

  test('is taken over when the process that loads is gone', async () => {
    const rules = { softTtlMs: 1, leaseMs: 300 };
    const [dying, living] = [await started(rules), await started(rules)];
    await storeStale(dying.cache, 'old');
    const begun = new Latch();
    await dying.cache.getOrSet(
      'k',
      () => {
        begun.open();
        return new Promise<string>(() => undefined);
      },
      { hardTimeoutMs: 2000 },
    );
    await begun.wait();
    await dying.engine.close();
    await eventually(async () => expect(await living.cache.getOrSet('k', () => 'taken over')).toBe('taken over'));
  });

  test('is left to a process of an earlier version, which has its lease in the head', async () => {
    const { cache, engine } = await started({ softTtlMs: 1 });
    await storeStale(cache, 'old');
    const key = processes.keys.cache('ns', 'k');
    const stored = (await engine.get(key))?.toString('latin1') ?? '';
    const until = (Date.now() + 60_000).toString(36).padStart(9, '0');
    await engine.set(key, `${stored.slice(0, 27)}token--1${until}${stored.slice(44)}`, { pxMs: 60_000 });
    await eventually(async () => expect(await cache.read('k')).toMatchObject({ stale: true }));
    const loader = vi.fn(() => 'new');
    expect(await cache.getOrSet('k', loader)).toBe('old');
    const over = (Date.now() - 60_000).toString(36).padStart(9, '0');
    expect(loader).not.toHaveBeenCalled();
    await engine.set(key, `${stored.slice(0, 27)}token--1${over}${stored.slice(44)}`, { pxMs: 60_000 });
    await eventually(async () => expect(await cache.getOrSet('k', loader)).toBe('new'));
    expect(loader).toHaveBeenCalledTimes(1);
  });
});
