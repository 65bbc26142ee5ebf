import type { RedisEngine } from '@holdfast/redis-core';
import { Latch } from '@holdfast/testing';
import { describe, expect, test, vi } from 'vitest';
import { LoaderTimeoutError } from '../../src/index.ts';
import { heldLoader, kinds, storeExpired, useProcesses } from './processes.ts';

const failing = (): Promise<string> => Promise.reject(new Error('down'));

describe.each(kinds)('a loader that fails, on %s', (kind) => {
  const { cacheOf, start } = useProcesses(kind);

  test('fails its caller and those who wait, and the next call tries again', async () => {
    const [one, two] = [await cacheOf(), await cacheOf()];
    const { load, started, gate } = heldLoader(() => {
      throw new Error('upstream is down');
    });
    const first = one.getOrSet('k', load);
    const joined = one.getOrSet('k', load);
    await started.wait();
    const elsewhere = two.getOrSet('k', load);
    const settled = Promise.allSettled([first, joined, elsewhere]);
    gate.open();
    for (const result of await settled) {
      expect(result).toMatchObject({
        status: 'rejected',
        reason: { message: expect.stringContaining('upstream is down') },
      });
    }
    expect(load.mock.calls.length).toBeLessThanOrEqual(2);
    expect(await two.getOrSet('k', () => 'back')).toBe('back');
    expect(await one.get('k')).toBe('back');
  });

  test('serves what is there as grace, and is not hammered', async () => {
    const cache = await cacheOf({ graceMs: 60_000, failureThrottleMs: 60_000 });
    await storeExpired(cache, 'old');
    expect(await cache.get('k')).toBeUndefined();
    const loader = vi.fn(failing);
    for (let call = 0; call < 20; call += 1) expect(await cache.getOrSet('k', loader)).toBe('old');
    expect(loader).toHaveBeenCalledTimes(1);
  });

  test('does not bring back what was deleted', async () => {
    const cache = await cacheOf({ graceMs: 60_000 });
    await cache.set('k', 'old', { tags: ['t'] });
    await cache.invalidate({ tags: ['t'] }, { mode: 'delete' });
    await expect(cache.getOrSet('k', failing)).rejects.toThrow('down');
    expect(await cache.getOrSet('k', () => 'new')).toBe('new');
  });

  test('does not bring back what was deleted while the lease was asked for', async () => {
    const { cache, engine } = await start({ graceMs: 60_000 });
    await storeExpired(cache, 'old');
    const [asked, go] = [new Latch(), new Latch()];
    const run = engine.run.bind(engine);
    vi.spyOn(engine, 'run').mockImplementationOnce(async (...args) => {
      asked.open();
      await go.wait();
      return run(...args) as never;
    });
    const first = cache.getOrSet('k', failing);
    await asked.wait();
    await cache.delete('k');
    go.open();
    await expect(first).rejects.toThrow('down');
  });

  /** Holds back the reply of the next call of a script, which Redis has carried out, until the latch opens. */
  function holdReply(engine: RedisEngine, gate: Latch): Latch {
    const carriedOut = new Latch();
    const run = engine.run.bind(engine);
    vi.spyOn(engine, 'run').mockImplementationOnce(async (...args) => {
      const reply = await run(...args);
      carriedOut.open();
      await gate.wait();
      return reply;
    });
    return carriedOut;
  }

  test('does not hand on what was deleted before it began, to those who came after that', async () => {
    const { cache, engine } = await start({ graceMs: 60_000 });
    await storeExpired(cache, 'old');
    const go = new Latch();
    const taken = holdReply(engine, go);
    const { load, started, gate } = heldLoader<string>(() => {
      throw new Error('down');
    });
    const first = cache.getOrSet('k', load);
    await taken.wait();
    await cache.delete('k'); // confirmed before this process has handled the reply of the lease
    go.open();
    await started.wait();
    const second = cache.getOrSet('k', () => 'new');
    gate.open();
    expect(await second).toBe('new');
    await first;
  });

  test('does not hand it on either where somebody has asked for its lease with it', async () => {
    const { cache, engine } = await start({ graceMs: 60_000 });
    await storeExpired(cache, 'old');
    const go = new Latch();
    const taken = holdReply(engine, go);
    const { load, started, gate } = heldLoader<string>(() => {
      throw new Error('down');
    });
    const first = cache.getOrSet('k', load);
    const other = cache.getOrSet('k', () => 'not asked');
    await taken.wait();
    await cache.delete('k');
    go.open();
    await started.wait();
    const second = cache.getOrSet('k', () => 'new');
    gate.open();
    expect(await second).toBe('new');
    // They came before it was deleted.
    expect(await Promise.all([first, other])).toEqual(['old', 'old']);
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
