import { createEngine, createKeys, type Keys, type RedisEngine } from '@holdfast/redis-core';
import { eventually, FaultProxy, type RedisServer, startRedis, uniquePrefix } from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { Cache, L1Cache } from '../../src/index.ts';

interface Process {
  readonly engine: RedisEngine;
  readonly l1: L1Cache;
  readonly cache: Cache;
}

/** What L1 of one process knows of what happens in another. */
describe('L1', () => {
  let server: RedisServer;
  let keys: Keys;
  const engines: RedisEngine[] = [];

  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    // Redis finds what expires by trying some keys at a time: among those of other tests it may take long.
    await server.command('FLUSHALL');
    keys = createKeys(uniquePrefix());
  });
  afterEach(async () => {
    await Promise.all(engines.splice(0).map((engine) => engine.close()));
  });

  /** Its calls may take as long as a busy machine needs: what is waited for here comes long before. */
  async function start(address: { host: string; port: number } = server, name = 'l1'): Promise<Process> {
    const { host, port } = address;
    const engine = createEngine({
      name,
      target: { kind: 'standalone', host, port },
      trackingHeartbeatMs: 300,
      commandTimeoutMs: 30_000,
    });
    engines.push(engine);
    const l1 = new L1Cache(engine);
    const cache = new Cache({ engine, keys, namespace: 'ns', ttlMs: 60_000 }, { l1 });
    await engine.time();
    await eventually(() => expect(l1.isTracked).toBe(true));
    return { engine, l1, cache };
  }

  /** Reads until L1 serves it. */
  async function warm({ cache }: Process, key: string): Promise<void> {
    await eventually(async () => expect(await cache.read(key)).toMatchObject({ layer: 'l1' }));
  }

  /** The own removal of a key may be reported after its reply, so what is read again in the meantime is dropped at the end. */
  test.each(['its caller leaves', 'Redis is lost'])('is no longer served when %s in the middle', async (end) => {
    const { cache, engine } = await start();
    await cache.setMany(Array.from({ length: 3000 }, (_, at) => ({ key: `k${at}`, value: 'old' })));
    const caller = new AbortController();
    const scan = engine.scan.bind(engine);
    let held = '';
    let pages = 0;
    vi.spyOn(engine, 'scan').mockImplementation(async (page) => {
      pages += 1;
      if (pages === 2 && end === 'Redis is lost') throw new Error('lost');
      const reply = await scan(page);
      // What the second page brings is read again before it is removed.
      if (pages === 1) {
        held = reply.keys[0]?.slice(keys.cachePrefix('ns').length) ?? '';
        await eventually(async () => expect(await cache.read(held)).toMatchObject({ layer: 'l1' }));
        caller.abort(new Error('left'));
      }
      return reply;
    });
    await expect(cache.invalidate({ all: true }, { signal: caller.signal })).rejects.toThrow(/left|lost/);
    expect(held).not.toBe('');
    expect(await cache.get(held)).toBeUndefined();
  });

  describe('drops what another process', () => {
    const changes: [string, (other: Process) => Promise<unknown>, unknown][] = [
      ['writes', ({ cache }) => cache.set('k', 'new'), 'new'],
      ['writes in bulk', ({ cache }) => cache.setMany([{ key: 'k', value: 'new' }]), 'new'],
      ['deletes', ({ cache }) => cache.delete('k'), undefined],
      ['expires', ({ engine }) => engine.pexpire(keys.cache('ns', 'k'), 1), undefined],
      ['invalidates by tag', ({ cache }) => cache.invalidate({ tags: ['t'] }), undefined],
      ['invalidates by prefix', ({ cache }) => cache.invalidate({ prefix: 'k' }), undefined],
      ['invalidates altogether', ({ cache }) => cache.invalidate({ all: true }), undefined],
      ['lets expire', ({ cache }) => cache.invalidate({ all: true }, { mode: 'expire' }), undefined],
      ['loads anew', ({ cache }) => cache.delete('k').then(() => cache.getOrSet('k', () => 'new')), 'new'],
      ['deletes with redis-cli', () => server.command('DEL', keys.cache('ns', 'k')), undefined],
      ['flushes', () => server.command('FLUSHDB'), undefined],
      ['evicts the tags of', () => server.command('DEL', keys.cacheTags('ns')), undefined],
    ];
    test.each(changes)('%s', async (_what, change, then) => {
      const [reader, writer] = [await start(), await start()];
      await reader.cache.set('k', 'old', { tags: ['t'] });
      await warm(reader, 'k');
      await change(writer);
      await eventually(async () => expect(await reader.cache.get('k')).toBe(then), { intervalMs: 1 });
    });
  });

  test('asks for the state of the tags once, and fails the call when that fails, not the process', async () => {
    const { engine, l1, cache } = await start();
    await cache.set('k', 'v', { tags: ['t'] });
    await warm({ engine, l1, cache }, 'k');
    l1.forget(keys.cacheTags('ns'));
    const asked = vi.spyOn(engine, 'zrange').mockRejectedValue(new Error('away'));
    await expect(cache.get('k')).rejects.toThrow('away');
    expect(asked).toHaveBeenCalledTimes(1);
  });

  test('never keeps what this process wrote, and serves it right after', async () => {
    const { cache, l1 } = await start();
    await cache.set('k', 1);
    await warm({ cache, l1 } as Process, 'k');
    await cache.set('k', 2);
    expect(await cache.read('k')).toMatchObject({ layer: 'l2' });
    expect(await cache.get('k')).toBe(2);
  });

  test('two caches of one engine share it: the writes of one are known to the other', async () => {
    const { engine } = await start();
    const [one, two] = [1, 2].map(() => new Cache({ engine, keys, namespace: 'ns', ttlMs: 60_000 }));
    await one?.set('k', 'old');
    await eventually(async () => expect(await two?.read('k')).toMatchObject({ layer: 'l1' }));
    await one?.set('k', 'new');
    expect(await two?.get('k')).toBe('new');
  });

  test('does not keep a reply that was on its way when its key changed', async () => {
    const proxy = await FaultProxy.listen(server.url);
    const reader = await start({ host: proxy.host, port: proxy.port });
    const writer = await start();
    await writer.cache.set('k', 'old');
    proxy.delay(100);
    const reading = reader.cache.get('k');
    await eventually(async () => {
      const info = String(await server.command('INFO', 'commandstats'));
      expect(info).toContain('cmdstat_get');
    });
    reader.l1.forget(keys.cache('ns', 'k')); // as an invalidation does that overtakes the reply
    await writer.cache.set('k', 'new');
    await reading;
    proxy.pass();
    expect(await reader.cache.get('k')).toBe('new');
    await proxy.close();
  });

  describe('is off while tracking is lost, and comes back:', () => {
    const losses: [string, (proxy: FaultProxy) => Promise<unknown> | void, (proxy: FaultProxy) => void][] = [
      ['the command connection killed', () => kill('commands'), () => undefined],
      ['the receiving connection killed', () => kill('subscriber'), () => undefined],
      ['both reset', (proxy) => proxy.resetAll(), () => undefined],
      ['the network silent', (proxy) => proxy.blackhole(), (proxy) => proxy.pass()],
    ];
    async function kill(role: string): Promise<void> {
      const list = String(await server.command('CLIENT', 'LIST'));
      for (const line of list.split('\n').filter((one) => one.includes(`name=holdfast:reader:${role}`))) {
        await server.command('CLIENT', 'KILL', 'ID', /id=(\d+)/.exec(line)?.[1] ?? '');
      }
    }

    test.each(losses)('%s', async (_what, lose, heal) => {
      const proxy = await FaultProxy.listen(server.url);
      try {
        const reader = await start({ host: proxy.host, port: proxy.port }, 'reader');
        await server.command('SET', 'unrelated', '1');
        const writer = await start();
        await writer.cache.set('k', 'old');
        await warm(reader, 'k');
        await lose(proxy);
        await writer.cache.set('k', 'new');
        // From the heartbeat on nothing old is served, whether Redis can be reached or not.
        await eventually(() => expect(reader.l1.get(keys.cache('ns', 'k'))).toBeUndefined());
        heal(proxy);
        await eventually(async () => expect(await reader.cache.get('k')).toBe('new'));
        await eventually(() => expect(reader.l1.isTracked).toBe(true));
        await warm(reader, 'k');
        expect(await reader.cache.get('k')).toBe('new');
      } finally {
        await proxy.close();
      }
    });
  });

  test('writing right after an invalidation reads back, from any process', async () => {
    const [one, two] = [await start(), await start()];
    for (let round = 0; round < 50; round += 1) {
      await two.cache.get('k'); // so that it holds a state of the tags from before
      await one.cache.invalidate({ tags: ['t'] });
      await two.cache.set('k', round, { tags: ['t'] });
      expect(await two.cache.get('k')).toBe(round);
      expect(await one.cache.get('k')).toBe(round);
    }
  });

  test('clocks that are a minute off change nothing: entries are fresh, and invalidated ones are not', async () => {
    const [one, two] = [await start(), await start()];
    const skewed = (process: Process, skewMs: number): Cache =>
      new Cache(
        { engine: process.engine, keys, namespace: 'skew', ttlMs: 5000, now: () => Date.now() + skewMs },
        { l1: process.l1 },
      );
    const [ahead, behind] = [skewed(one, 60_000), skewed(two, -60_000)];
    await ahead.set('k', 'a', { tags: ['t'], ttlMs: 600_000 });
    await behind.invalidate({ tags: ['t'] });
    await eventually(async () => expect(await ahead.get('k')).toBeUndefined(), { intervalMs: 1 });
    await behind.set('k', 'b', { tags: ['t'], ttlMs: 600_000 });
    await eventually(async () => expect(await ahead.get('k')).toBe('b'), { intervalMs: 1 });
  });

  test('plain values are shared and frozen, others are made for each reader', async () => {
    const { cache } = await start();
    await cache.set('plain', { a: { b: 1 } });
    await warm({ cache } as Process, 'plain');
    const one = await cache.get<{ a: { b: number } }>('plain');
    expect(await cache.get('plain')).toBe(one);
    expect(() => {
      // @ts-expect-error -- its type says so as well
      if (one) one.a.b = 2;
    }).toThrow(TypeError);
    await cache.set('map', { m: new Map([[1, 2]]) });
    await warm({ cache } as Process, 'map');
    const first = await cache.get<{ m: Map<number, number> }>('map');
    first?.m.set(1, 3);
    expect((await cache.get<{ m: Map<number, number> }>('map'))?.m.get(1)).toBe(2);
  });
});
