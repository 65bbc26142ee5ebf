import { eventually, FaultProxy, monitor, type RedisServer, startRedis } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { heldLoader, kinds, useProcesses } from './processes.ts';

const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `k${index}`);
const lengths = (missing: readonly string[]): Map<string, number> => new Map(missing.map((key) => [key, key.length]));

/** Calls back in each turn of the event loop, until it is stopped. */
function eachTurn(callback: () => void): () => void {
  let next = setImmediate(call);
  function call(): void {
    callback();
    next = setImmediate(call);
  }
  return () => clearImmediate(next);
}

describe.each(kinds)('getOrSetMany on %s', (kind) => {
  const { cacheOf } = useProcesses(kind);

  test('refreshes what is stale behind the back of its caller, with one call of the loader', async () => {
    const cache = await cacheOf({ softTtlMs: 1 });
    await cache.setMany(names(120).map((key) => ({ key, value: 'old' })));
    await eventually(async () => expect(await cache.read('k119')).toMatchObject({ stale: true }));
    const refresh = vi.fn((due: readonly string[]) => new Map(due.map((key) => [key, 'new'])));
    expect(await cache.getOrSetMany(names(120), refresh)).toEqual(names(120).map(() => 'old'));
    await eventually(async () => expect(await cache.getMany(names(120))).toEqual(names(120).map(() => 'new')));
    expect(refresh.mock.calls.map(([due]) => due.length)).toEqual([120]);
  });

  test('refreshes early what is due early', async () => {
    const cache = await cacheOf({ earlyRefresh: 0 });
    await cache.set('k', 'old');
    expect(await cache.getOrSetMany(['k'], (due) => new Map(due.map((key) => [key, 'new'])))).toEqual(['old']);
    await eventually(async () => expect(await cache.get('k')).toBe('new'));
  });

  test('what the loader throws fails the call, and the next one loads again', async () => {
    const cache = await cacheOf();
    const failing = cache.getOrSetMany(names(60), () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
    await eventually(async () => expect(await cache.getOrSetMany(['k59'], lengths)).toEqual([3]));
  });

  test('a loader that returns no map is told so', async () => {
    const cache = await cacheOf();
    const wrong = (() => Promise.resolve(['a'])) as unknown as () => Map<string, string>;
    await expect(cache.getOrSetMany(['a'], wrong)).rejects.toThrow('The loader of getOrSetMany must return a Map');
  });

  test('a namespace that is off stores nothing, and the loader is called once for each call', async () => {
    const cache = await cacheOf({ ttlMs: 0 });
    const loader = vi.fn(lengths);
    expect(await cache.getOrSetMany(['a', 'bb', 'a'], loader)).toEqual([1, 2, 1]);
    expect(await cache.getOrSetMany(['a', 'bb', 'a'], loader)).toEqual([1, 2, 1]);
    expect(loader.mock.calls).toEqual([[['a', 'bb']], [['a', 'bb']]]);
    expect(await (await cacheOf()).getMany(['a', 'bb'])).toEqual([undefined, undefined]);
  });

  test('its load is shared with callers of one of its keys', async () => {
    const cache = await cacheOf();
    const { load, started, gate } = heldLoader(() => lengths(['a', 'b']));
    const many = cache.getOrSetMany(['a', 'b'], load);
    await started.wait();
    const single = cache.getOrSet('a', () => expect.fail('It is being loaded.'));
    gate.open();
    expect(await many).toEqual([1, 1]);
    expect(await single).toBe(1);
  });

  test('a key whose load elsewhere came to nothing is loaded after all', async () => {
    const [one, two] = [await cacheOf(), await cacheOf()];
    const elsewhere = heldLoader(() => undefined);
    const first = one.getOrSet('a', elsewhere.load);
    await elsewhere.started.wait();
    const loader = vi.fn(lengths);
    const many = two.getOrSetMany(['a', 'b'], loader);
    await eventually(() => expect(loader.mock.calls).toEqual([[['b']]]));
    elsewhere.gate.open();
    expect(await first).toBeUndefined();
    expect(await many).toEqual([1, 1]);
    expect(loader.mock.calls).toEqual([[['b']], [['a']]]);
  });

  test('10,000 keys that L1 or memory holds leave the event loop to others in between', async () => {
    const cache = await cacheOf();
    await cache.getOrSetMany(names(10_000), lengths);
    await cache.getOrSetMany(names(10_000), lengths);
    let turns = 0;
    const stop = eachTurn(() => {
      turns += 1;
    });
    await cache.getOrSetMany(names(10_000), () => expect.fail('They are there.'));
    stop();
    expect(turns).toBeGreaterThanOrEqual(20);
  });

  test('10,000 values that were loaded become entries a hundred in one turn of the event loop at most', async () => {
    const cache = await cacheOf();
    const count = 10_000;
    let read = 0;
    const value = {
      get read(): number {
        read += 1;
        return 1;
      },
    };
    let [before, most] = [0, 0];
    const look = (): void => {
      [most, before] = [Math.max(most, read - before), read];
    };
    const stop = eachTurn(look);
    await cache.getOrSetMany(names(count), (missing) => new Map(missing.map((key) => [key, value])));
    stop();
    look();
    expect(read).toBeGreaterThanOrEqual(count);
    // However often a value is read to make an entry of it.
    expect(most / (read / count)).toBeLessThanOrEqual(100);
  });
});

describe('the commands of getOrSetMany', () => {
  let server: RedisServer;
  let proxy: FaultProxy;
  beforeAll(async () => {
    server = await startRedis();
    proxy = await FaultProxy.listen(server.url);
  });
  afterAll(async () => {
    await proxy.close();
    await server.stop();
  });
  const processes = useProcesses('ioredis', () => proxy);

  test.each([
    ['without tags', {}],
    ['with tags', { tags: ['a', 'b'] }],
  ])(
    'for 2000 missing keys %s are far fewer than these, with one call of the loader on a slow network',
    async (_, options) => {
      // No machine is so slow that they have to be renewed.
      const { cache, l1 } = await processes.start({ leaseMs: 600_000 });
      await eventually(() => expect(l1.isTracked).toBe(true));
      // The scripts are known from here on.
      await cache.getOrSetMany(['warm-up'], lengths, options);
      const loader = vi.fn(lengths);
      const { prefix } = processes.keys;
      const seen = await monitor(server.url, { where: ({ argv }) => argv.some((part) => part.includes(prefix)) });
      proxy.delay(2);
      try {
        expect(await cache.getOrSetMany(names(2000), loader, options)).toEqual(names(2000).map((key) => key.length));
        expect(loader.mock.calls.map(([missing]) => missing.length)).toEqual([2000]);
        await seen.settle();
        const sent = seen.commands().map(([name = '']) => name.toLowerCase());
        expect(sent.filter((name) => name === 'mget')).toHaveLength(4);
        // 40 leases of 50 keys, 40 fills of 50.
        expect(sent).toHaveLength(84);
      } finally {
        proxy.delay(0);
        await seen.stop();
      }
    },
  );

  test('renew many leases at once while the loader is at work', async () => {
    const { cache } = await processes.start({ leaseMs: 1200 });
    const { load, started, gate } = heldLoader(() => lengths(names(200)));
    const many = cache.getOrSetMany(names(200), load);
    await started.wait();
    const { prefix } = processes.keys;
    const seen = await monitor(server.url, { where: ({ argv }) => argv.some((part) => part.includes(prefix)) });
    try {
      await eventually(() => expect(seen.count('evalsha')).toBeGreaterThanOrEqual(4));
      // They were taken 50 at once, and those of one moment are renewed together: a busy machine may split a moment.
      const renewed = seen.commands().map((argv) => argv.filter((part) => part.includes(prefix)).length);
      expect(renewed.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(10 * renewed.length);
      gate.open();
      expect(await many).toEqual(names(200).map((key) => key.length));
    } finally {
      gate.open();
      await seen.stop();
    }
  });

  test('store a mebibyte at once, at most', async () => {
    const { cache } = await processes.start({ leaseMs: 600_000 });
    await cache.getOrSetMany(['warm-up'], lengths);
    const { prefix } = processes.keys;
    const seen = await monitor(server.url, { where: ({ argv }) => argv.some((part) => part.includes(prefix)) });
    try {
      const values = new Map(names(20).map((key) => [key, 'x'.repeat(300_000)]));
      expect(await cache.getOrSetMany(names(20), () => values)).toEqual([...values.values()]);
      await seen.settle();
      // The leases, and three values in each of seven.
      expect(seen.count('evalsha')).toBe(8);
    } finally {
      await seen.stop();
    }
  });
});
