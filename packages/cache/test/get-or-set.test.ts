import { createEngine, createKeys, type Keys, MemoryEngine, type RedisEngine } from '@holdfast/redis-core';
import { eventually, FaultProxy, Latch, monitor, type RedisServer, startRedis, uniquePrefix } from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { Cache, LoaderFailedError, LoaderTimeoutError, NearCache, type NamespaceOptions } from '../src/index.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

/** Each engine with a first tier of its own is what another process would be. */
describe.each([
  ['memory', () => Promise.resolve<RedisEngine>(new MemoryEngine())],
  [
    'ioredis',
    async () => {
      const { host, port } = server;
      const engine = createEngine({ name: 'load', target: { kind: 'standalone', host, port } });
      await engine.time();
      return engine;
    },
  ],
])('getOrSet on %s', (kind, createOne) => {
  const engines: RedisEngine[] = [];
  let keys: Keys;
  let shared: Promise<RedisEngine> | undefined;

  beforeEach(() => {
    keys = createKeys(uniquePrefix());
  });
  afterEach(async () => {
    await Promise.all(engines.splice(0).map((engine) => engine.close()));
    shared = undefined;
  });

  /** A cache as another process would have it. Memory is one process by nature, so there the engine is shared. */
  async function cacheOf(rules: Partial<NamespaceOptions> = {}): Promise<Cache> {
    const engine = await (kind === 'memory' ? (shared ??= createOne()) : createOne());
    if (!engines.includes(engine)) engines.push(engine);
    const near = new NearCache(engine);
    return new Cache({ engine, keys, namespace: 'ns', ttlMs: 60_000, ...rules }, { near });
  }

  test('loads on a miss, stores, and then does not load again', async () => {
    const cache = await cacheOf();
    const loader = vi.fn(() => ({ name: 'Ada' }));
    expect(await cache.getOrSet('k', loader)).toEqual({ name: 'Ada' });
    expect(await cache.getOrSet('k', loader)).toEqual({ name: 'Ada' });
    expect(await (await cacheOf()).get('k')).toEqual({ name: 'Ada' });
    expect(loader).toHaveBeenCalledTimes(1);
  });

  test('200 at once, in four processes, load once and all get the value', async () => {
    const caches = await Promise.all([cacheOf(), cacheOf(), cacheOf(), cacheOf()]);
    const gate = new Latch();
    const loader = vi.fn(async () => {
      await gate.wait();
      return 'value';
    });
    const calls = Array.from({ length: 200 }, (_, index) => (caches[index % 4] as Cache).getOrSet('cold', loader));
    await eventually(() => expect(loader).toHaveBeenCalled());
    gate.open();
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['value']));
    expect(loader).toHaveBeenCalledTimes(1);
  });

  test('the loader sets time to live and tags, and gets the key and the stale value', async () => {
    const cache = await cacheOf({ graceMs: 60_000 });
    await cache.set('k', 'old', { ttlMs: 1000 });
    await cache.invalidate({ all: true }, { mode: 'expire' });
    const seen: unknown[] = [];
    await cache.getOrSet<string>('k', (context) => {
      seen.push(context.key, context.stale);
      context.setTtl(5000);
      context.setTags(['t']);
      return 'new';
    });
    expect(seen).toEqual(['k', 'old']);
    expect(await cache.read('k')).toMatchObject({ tags: ['t'] });
    expect((await cache.read('k'))?.ttlMs).toBeLessThanOrEqual(5000);
    await cache.invalidate({ tags: ['t'] });
    expect(await cache.get('k')).toBeUndefined();
  });

  describe('a loader that fails', () => {
    test('fails its caller and those who wait, and the next call tries again', async () => {
      const [one, two] = [await cacheOf(), await cacheOf()];
      const gate = new Latch();
      const failing = vi.fn(async () => {
        await gate.wait();
        throw new Error('upstream is down');
      });
      const first = one.getOrSet('k', failing);
      const joined = one.getOrSet('k', failing);
      await eventually(() => expect(failing).toHaveBeenCalled());
      const elsewhere = two.getOrSet('k', failing);
      const settled = Promise.allSettled([first, joined, elsewhere]);
      gate.open();
      for (const result of await settled) {
        expect(result).toMatchObject({
          status: 'rejected',
          reason: { message: expect.stringContaining('upstream is down') },
        });
      }
      expect(failing.mock.calls.length).toBeLessThanOrEqual(2);
      expect(await two.getOrSet('k', () => 'back')).toBe('back');
      expect(await one.get('k')).toBe('back');
    });

    test('serves what is there as grace, and is not hammered', async () => {
      const cache = await cacheOf({ graceMs: 60_000, failureThrottleMs: 60_000 });
      await cache.set('k', 'old');
      await cache.invalidate({ all: true }, { mode: 'expire' });
      expect(await cache.get('k')).toBeUndefined();
      const failing = vi.fn(() => Promise.reject(new Error('down')));
      for (let call = 0; call < 20; call += 1) expect(await cache.getOrSet('k', failing)).toBe('old');
      expect(failing).toHaveBeenCalledTimes(1);
    });

    test('does not bring back what was deleted', async () => {
      const cache = await cacheOf({ graceMs: 60_000 });
      await cache.set('k', 'old', { tags: ['t'] });
      await cache.invalidate({ tags: ['t'] }, { mode: 'delete' });
      await expect(cache.getOrSet('k', () => Promise.reject(new Error('down')))).rejects.toThrow('down');
      expect(await cache.getOrSet('k', () => 'new')).toBe('new');
    });

    test('does not bring back what was deleted while the lease was asked for', async () => {
      const cache = await cacheOf({ graceMs: 60_000 });
      const [engine] = engines;
      if (engine === undefined) throw new Error('There is no engine.');
      await cache.set('k', 'old');
      await cache.invalidate({ all: true }, { mode: 'expire' });
      const [asked, go] = [new Latch(), new Latch()];
      const run = engine.run.bind(engine);
      vi.spyOn(engine, 'run').mockImplementationOnce(async (...args) => {
        asked.open();
        await go.wait();
        return run(...args) as never;
      });
      const failing = (): Promise<string> => Promise.reject(new Error('down'));
      const first = cache.getOrSet('k', failing);
      await asked.wait();
      await cache.delete('k');
      go.open();
      await expect(first).rejects.toThrow('down');
    });

    test('does not hand on what was deleted before it began, to those who came after that', async () => {
      const cache = await cacheOf({ graceMs: 60_000 });
      const [engine] = engines;
      if (engine === undefined) throw new Error('There is no engine.');
      await cache.set('k', 'old');
      await cache.invalidate({ all: true }, { mode: 'expire' });
      const [taken, go, loading, fail] = [new Latch(), new Latch(), new Latch(), new Latch()];
      const run = engine.run.bind(engine);
      vi.spyOn(engine, 'run').mockImplementationOnce(async (...args) => {
        const reply = await run(...args);
        taken.open();
        await go.wait();
        return reply;
      });
      const first = cache.getOrSet('k', async () => {
        loading.open();
        await fail.wait();
        throw new Error('down');
      });
      await taken.wait();
      await cache.delete('k'); // confirmed before this process has handled the reply of the lease
      go.open();
      await loading.wait();
      const second = cache.getOrSet('k', () => 'new');
      fail.open();
      expect(await second).toBe('new');
      await first;
    });

    test('does not serve what had a tag that was invalidated while it was at work', async () => {
      const cache = await cacheOf({ graceMs: 60_000 });
      await cache.set('k', 'old', { tags: ['t'] });
      await cache.invalidate({ tags: ['t'] }, { mode: 'expire' });
      const first = cache.getOrSet('k', async () => {
        await cache.invalidate({ tags: ['t'] }, { mode: 'delete' });
        throw new Error('down');
      });
      await expect(first).rejects.toThrow('down');
    });

    test('is given up at the hard time-out, and told so', async () => {
      const cache = await cacheOf();
      const aborted = new Latch();
      const loading = cache.getOrSet(
        'k',
        ({ signal }) =>
          new Promise<string>(() => {
            signal.addEventListener('abort', () => aborted.open());
          }),
        { hardTimeoutMs: 30 },
      );
      await expect(loading).rejects.toThrow(LoaderTimeoutError);
      await aborted.wait();
    });
  });

  test('at the soft time-out the stale value is served, and the loader goes on', async () => {
    const cache = await cacheOf({ graceMs: 60_000 });
    await cache.set('k', 'old');
    await cache.invalidate({ all: true }, { mode: 'expire' });
    const gate = new Latch();
    const slow = async (): Promise<string> => {
      await gate.wait();
      return 'new';
    };
    expect(await cache.getOrSet('k', slow, { softTimeoutMs: 10 })).toBe('old');
    gate.open();
    await eventually(async () => expect(await cache.get('k')).toBe('new'));
  });

  test('a stale entry is served at once and refreshed behind the back of its readers, once', async () => {
    const cache = await cacheOf({ softTtlMs: 1 });
    await cache.set('k', 'old');
    await eventually(async () => expect(await cache.read('k')).toMatchObject({ stale: true }));
    const gate = new Latch();
    const loader = vi.fn(async () => {
      await gate.wait();
      return 'new';
    });
    for (let call = 0; call < 10; call += 1) expect(await cache.getOrSet('k', loader)).toBe('old');
    await eventually(() => expect(loader).toHaveBeenCalledTimes(1));
    gate.open();
    await eventually(async () => expect(await cache.get('k')).toBe('new'));
  });

  test('an entry near its end is refreshed early', async () => {
    const cache = await cacheOf({ earlyRefresh: 0 });
    await cache.set('k', 'old');
    const loader = vi.fn(() => 'new');
    expect(await cache.getOrSet('k', loader)).toBe('old');
    await eventually(async () => expect(await cache.get('k')).toBe('new'));
    expect(loader).toHaveBeenCalledTimes(1);
  });

  test('that there is nothing is kept where asked for, and is not a value', async () => {
    const cache = await cacheOf({ negativeTtlMs: 60_000 });
    const nothing = vi.fn(() => undefined);
    expect(await cache.getOrSet('k', nothing)).toBeUndefined();
    expect(await cache.getOrSet('k', nothing)).toBeUndefined();
    expect(nothing).toHaveBeenCalledTimes(1);
    expect(await cache.read('k')).toBeNull();
    const without = await cacheOf();
    const again = vi.fn(() => undefined);
    await without.getOrSet('k2', again);
    await without.getOrSet('k2', again);
    expect(again).toHaveBeenCalledTimes(2);
  });

  describe('what happens during a load beats it:', () => {
    const cases: [string, (cache: Cache) => Promise<unknown>, unknown][] = [
      ['a set', (cache) => cache.set('k', 'written'), 'written'],
      ['a delete', (cache) => cache.delete('k'), undefined],
      ['an invalidation of its tag', (cache) => cache.invalidate({ tags: ['t'] }), undefined],
      ['an expiry of its tag', (cache) => cache.invalidate({ tags: ['t'] }, { mode: 'expire' }), undefined],
      ['an invalidation of all', (cache) => cache.invalidate({ all: true }), undefined],
      ['an invalidation of its prefix', (cache) => cache.invalidate({ prefix: 'k' }), undefined],
    ];
    for (const [what, change, then] of cases) {
      for (const where of ['this process', 'another process']) {
        for (const before of ['nothing', 'an expired entry']) {
          test(`${what} in ${where}, over ${before}`, async () => {
            const cache = await cacheOf({ graceMs: 60_000 });
            const other = where === 'this process' ? cache : await cacheOf({ graceMs: 60_000 });
            if (before === 'an expired entry') {
              await cache.set('k', 'older', { tags: ['t'] });
              await cache.invalidate({ tags: ['t'] }, { mode: 'expire' });
            }
            const loading = new Latch();
            const gate = new Latch();
            const loaded = cache.getOrSet('k', async ({ setTags }) => {
              loading.open();
              await gate.wait();
              setTags(['t']);
              return 'loaded before';
            });
            await loading.wait();
            await change(other);
            gate.open();
            expect(await loaded).toBe('loaded before');
            expect(await other.get('k')).toBe(then);
            await eventually(async () => expect(await cache.get('k')).toBe(then));
            expect(await other.getOrSet('k', () => 'loaded after')).toBe(then ?? 'loaded after');
          });
        }
      }
    }

    test('a caller who comes after the change does not share the load from before', async () => {
      const cache = await cacheOf();
      const loading = new Latch();
      const gate = new Latch();
      const before = cache.getOrSet('k', async () => {
        loading.open();
        await gate.wait();
        return 'before';
      });
      await loading.wait();
      await cache.delete('k');
      const after = cache.getOrSet('k', () => 'after');
      expect(await after).toBe('after');
      gate.open();
      expect(await before).toBe('before');
      expect(await cache.get('k')).toBe('after');
    });
  });

  test('a foreign value is loaded around, and stays as it is', async () => {
    const cache = await cacheOf();
    const engine = engines[0];
    await engine?.hset(keys.cache('ns', 'k'), { a: '1' });
    expect(await cache.getOrSet('k', () => 'loaded')).toBe('loaded');
    expect((await engine?.hget(keys.cache('ns', 'k'), ['a']))?.toString()).toBe('1');
    expect(cache.stats().foreign).toBeGreaterThan(0);
  });

  test('a namespace that is off loads each time', async () => {
    const cache = await cacheOf({ ttlMs: 0 });
    const loader = vi.fn(() => 'value');
    await cache.getOrSet('k', loader);
    expect(await cache.getOrSet('k', loader)).toBe('value');
    expect(loader).toHaveBeenCalledTimes(2);
  });

  describe('of many keys', () => {
    test('calls one loader for all that are missing, in the order asked', async () => {
      const cache = await cacheOf();
      await cache.set('b', 'B');
      const loader = vi.fn((missing: readonly string[]) => new Map(missing.map((key) => [key, key.toUpperCase()])));
      expect(await cache.getOrSetMany(['a', 'b', 'c', 'a'], loader)).toEqual(['A', 'B', 'C', 'A']);
      expect(loader).toHaveBeenCalledTimes(1);
      expect([...(loader.mock.calls[0]?.[0] ?? [])].sort()).toEqual(['a', 'c']);
      expect(await cache.getMany(['a', 'b', 'c'])).toEqual(['A', 'B', 'C']);
    });

    test('a key that the loader leaves out is one for which there is nothing', async () => {
      const cache = await cacheOf();
      expect(await cache.getOrSetMany(['a', 'b'], () => new Map([['a', 1]]))).toEqual([1, undefined]);
    });

    test('a key that another process loads is waited for', async () => {
      const [one, two] = [await cacheOf(), await cacheOf()];
      const gate = new Latch();
      const started = new Latch();
      const first = one.getOrSet('a', async () => {
        started.open();
        await gate.wait();
        return 'from one';
      });
      await started.wait();
      const asked: string[] = [];
      const many = two.getOrSetMany(['a', 'b'], (missing) => {
        asked.push(...missing);
        return new Map(missing.map((key) => [key, 'from two']));
      });
      await eventually(() => expect(asked).toEqual(['b']));
      gate.open();
      expect(await many).toEqual(['from one', 'from two']);
      expect(await first).toBe('from one');
    });
  });
});

describe('getOrSet with Redis', () => {
  let keys: Keys;
  const engines: RedisEngine[] = [];
  const open = async ({ host, port }: { host: string; port: number } = server): Promise<RedisEngine> => {
    const engine = createEngine({ name: 'load', target: { kind: 'standalone', host, port } });
    await engine.time();
    engines.push(engine);
    return engine;
  };
  beforeEach(() => {
    keys = createKeys(uniquePrefix());
  });
  afterEach(async () => {
    await Promise.all(engines.splice(0).map((engine) => engine.close()));
  });

  test('a miss costs three commands, a hit one, a hit of the first tier none', async () => {
    const engine = await open();
    const near = new NearCache(engine);
    const cache = new Cache({ engine, keys, namespace: 'ns', ttlMs: 60_000 }, { near });
    await eventually(() => expect(near.isTracked).toBe(true));
    // The scripts are known from here on.
    await cache.getOrSet('warm-up', () => 1);
    await cache.set('warm-up', 1, { tags: ['a'] });
    await cache.invalidate({ tags: ['a'] });
    const seen = await monitor(server.url, { where: ({ argv }) => argv.some((part) => part.includes(keys.prefix)) });
    const counted = async (work: () => Promise<unknown>): Promise<number> => {
      await seen.settle();
      seen.reset();
      await work();
      await seen.settle();
      return seen.count();
    };
    try {
      expect(await counted(() => cache.getOrSet('k', () => 1))).toBe(3);
      expect(await counted(() => cache.getOrSet('k', () => 1))).toBe(1);
      expect(await counted(() => cache.getOrSet('k', () => 1))).toBe(0);
      expect(await counted(() => cache.get('k'))).toBe(0);
      expect(await counted(() => cache.set('t', 1, { tags: ['a'] }))).toBe(1);
      expect(await counted(() => cache.get('t'))).toBe(2); // the entry, and once the state of the tags
      await cache.set('t2', 1, { tags: ['a'] });
      expect(await counted(() => cache.get('t2'))).toBe(1);
      expect(await counted(() => cache.get('t2'))).toBe(0);
      expect(await counted(() => cache.invalidate({ tags: ['a', 'b'] }))).toBe(1);
    } finally {
      await seen.stop();
    }
  });

  test('where no tags are in use, a lease is a plain SET, once the state of the tags was read', async () => {
    const engine = await open();
    const near = new NearCache(engine);
    const cache = new Cache({ engine, keys, namespace: 'ns', ttlMs: 60_000 }, { near });
    await eventually(() => expect(near.isTracked).toBe(true));
    await cache.getOrSet('warm-up', () => 1); // by script, as nothing is known of tags yet
    const seen = await monitor(server.url, { where: ({ argv }) => argv.some((part) => part.includes(keys.prefix)) });
    const sent = async (work: () => Promise<unknown>): Promise<(string | undefined)[]> => {
      await seen.settle();
      seen.reset();
      await work();
      await seen.settle();
      return seen.commands().map(([name]) => name?.toLowerCase());
    };
    try {
      // The first two of them in one round trip.
      expect(new Set(await sent(() => cache.getOrSet('k1', () => 1)))).toEqual(
        new Set(['get', 'set', 'hgetall', 'evalsha']),
      );
      expect(await sent(() => cache.getOrSet('k2', () => 1))).toEqual(['get', 'set', 'evalsha']);
      // Redis cannot follow every key for ever, and says so by reporting it: asked for once more.
      near.forget(keys.cacheTags('ns'));
      await cache.getOrSet('by script', () => 1);
      await cache.getOrSet('reads the state', () => 1);
      expect(await sent(() => cache.getOrSet('k3', () => 1))).toEqual(['get', 'set', 'evalsha']);
      // Somebody else begins with tags: what a lease has to ask for is not kept from then on.
      const other = new Cache({ engine: await open(), keys, namespace: 'ns', ttlMs: 60_000 });
      await other.invalidate({ tags: ['a'] });
      await eventually(() => expect(near.keptTagState(keys.cacheTags('ns'))).toBeUndefined());
      expect(await sent(() => cache.getOrSet('k4', () => 1))).toEqual(['get', 'evalsha', 'evalsha']);
    } finally {
      await seen.stop();
    }
  });

  test('an invalidation before a load is seen by it, and one during the load refuses what it made, with a plain lease too', async () => {
    const engine = await open();
    const near = new NearCache(engine);
    const cache = new Cache({ engine, keys, namespace: 'ns', ttlMs: 60_000 }, { near });
    const other = new Cache({ engine: await open(), keys, namespace: 'ns', ttlMs: 60_000 });
    await eventually(() => expect(near.isTracked).toBe(true));
    await cache.getOrSet('warm-up', () => 1);
    await cache.getOrSet('plain from here on', () => 1);
    const made = await cache.getOrSet('k', async ({ setTags }) => {
      setTags(['a']);
      await other.invalidate({ tags: ['a'] });
      return 'of yesterday';
    });
    expect(made).toBe('of yesterday');
    expect(await other.get('k')).toBeUndefined();
    await cache.getOrSet('k', ({ setTags }) => {
      setTags(['a']);
      return 'of today';
    });
    expect(await other.get('k')).toBe('of today');
  });

  test('a process that begins with tags itself hears of what others invalidate from then on', async () => {
    const engine = await open();
    const near = new NearCache(engine);
    const cache = new Cache({ engine, keys, namespace: 'ns', ttlMs: 60_000 }, { near });
    const other = new Cache({ engine: await open(), keys, namespace: 'ns', ttlMs: 60_000 });
    await eventually(() => expect(near.isTracked).toBe(true));
    await cache.getOrSet('warm-up', () => 1);
    await cache.getOrSet('plain from here on', () => 1);
    await cache.set('first with a tag', 1, { tags: ['a'] });
    await other.invalidate({ tags: ['a'] });
    await cache.getOrSet('k', () => 'loaded after it', { tags: ['a'] });
    expect(await other.get('k')).toBe('loaded after it');
  });

  test('grace that was invalidated meanwhile is not served because Redis is gone when that is asked', async () => {
    const proxy = await FaultProxy.listen(server.url);
    try {
      const cache = new Cache({ engine: await open(proxy), keys, namespace: 'ns', ttlMs: 60_000, graceMs: 60_000 });
      await cache.set('k', 'of yesterday', { tags: ['a'], ttlMs: 1 });
      await eventually(async () => expect(await cache.get('k')).toBeUndefined());
      const loading = new Latch();
      const goOn = new Latch();
      const got = cache.getOrSet('k', async () => {
        loading.open();
        await goOn.wait();
        throw new Error('The upstream failed.');
      });
      const outcome = got.then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      );
      await loading.wait();
      await cache.invalidate({ tags: ['a'] });
      proxy.refuse();
      goOn.open();
      expect(await outcome).toEqual({ error: new Error('The upstream failed.') });
    } finally {
      await proxy.close();
    }
  });

  test('when a loading process is gone, another takes over within the lease', async () => {
    const [first, second] = [await open(), await open()];
    const rules = { keys, namespace: 'ns', ttlMs: 60_000, leaseMs: 300 };
    const dying = new Cache({ ...rules, engine: first }, { near: new NearCache(first) });
    const living = new Cache({ ...rules, engine: second }, { near: new NearCache(second) });
    const started = new Latch();
    const never = dying.getOrSet(
      'k',
      () => {
        started.open();
        return new Promise<string>(() => undefined);
      },
      { hardTimeoutMs: 2000 },
    );
    never.catch(() => undefined);
    await started.wait();
    const startedAt = performance.now();
    const waiting = living.getOrSet('k', () => 'taken over');
    await first.close(); // as a process that dies: nothing renews its lease any more
    expect(await waiting).toBe('taken over');
    expect(performance.now() - startedAt).toBeLessThan(1500);
  });

  test('a loader that takes longer than its lease keeps it', async () => {
    const [first, second] = [await open(), await open()];
    const rules = { keys, namespace: 'ns', ttlMs: 60_000, leaseMs: 400 };
    const slow = new Cache({ ...rules, engine: first }, { near: new NearCache(first) });
    const other = new Cache({ ...rules, engine: second }, { near: new NearCache(second) });
    const gate = new Latch();
    const started = new Latch();
    const loading = slow.getOrSet('k', async () => {
      started.open();
      await gate.wait();
      return 'slow';
    });
    await started.wait();
    const loader = vi.fn(() => 'second');
    const waiting = other.getOrSet('k', loader);
    const renewed = performance.now() + 1000;
    await eventually(() => expect(performance.now()).toBeGreaterThan(renewed));
    gate.open();
    expect(await loading).toBe('slow');
    expect(await waiting).toBe('slow');
    expect(loader).not.toHaveBeenCalled();
  });

  test('an error from another process is a LoaderFailedError', async () => {
    const [first, second] = [await open(), await open()];
    const one = new Cache({ keys, namespace: 'ns', ttlMs: 1000, engine: first }, { near: new NearCache(first) });
    const two = new Cache({ keys, namespace: 'ns', ttlMs: 1000, engine: second }, { near: new NearCache(second) });
    const started = new Latch();
    const gate = new Latch();
    const failing = one.getOrSet('k', async () => {
      started.open();
      await gate.wait();
      throw new TypeError('no such user');
    });
    const failed = expect(failing).rejects.toThrow(TypeError);
    await started.wait();
    const seen = await monitor(server.url, { where: ({ argv }) => argv.some((part) => part.includes(keys.prefix)) });
    const waiting = expect(two.getOrSet('k', () => 'not asked')).rejects.toThrow(LoaderFailedError);
    await eventually(async () => {
      await seen.settle();
      expect(seen.count('get')).toBeGreaterThan(0); // the other process has met the lease
    });
    await seen.stop();
    gate.open();
    await failed;
    await waiting;
  });
});
