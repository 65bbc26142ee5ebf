import { Latch, TestClock } from '@holdfast/testing';
import { describe, expect, test } from 'vitest';
import { EndpointCache } from '../src/endpoint-cache.ts';

describe('an endpoint’s answer', () => {
  test('is computed once, kept for as long as the caller accepts, and says whether it was kept', async () => {
    const clock = new TestClock();
    const cache = new EndpointCache({ now: clock.now });
    let loads = 0;
    const load = async (): Promise<number> => (loads += 1);
    expect(await cache.cached('health', 60_000, load)).toEqual({ value: 1, cached: false });
    clock.advance(59_999);
    expect(await cache.cached('health', 60_000, load)).toEqual({ value: 1, cached: true });
    clock.advance(1);
    // A caller that accepts older answers still gets it.
    expect(await cache.cached('health', 120_000, load)).toEqual({ value: 1, cached: true });
    expect(await cache.cached('health', 60_000, load)).toEqual({ value: 2, cached: false });
    expect(await cache.cached('other', 60_000, load)).toEqual({ value: 3, cached: false });
  });

  test('is computed once for all who ask at the same time', async () => {
    const cache = new EndpointCache();
    const latch = new Latch();
    let loads = 0;
    const answers = Array.from({ length: 50 }, () =>
      cache.cached('health', 60_000, async () => {
        loads += 1;
        await latch.wait();
        return loads;
      }),
    );
    latch.open();
    expect(await Promise.all(answers)).toEqual(answers.map(() => ({ value: 1, cached: false })));
  });

  test('that failed is not kept, nor is it asked for twice by those who waited', async () => {
    const cache = new EndpointCache();
    let loads = 0;
    const fail = (): Promise<never> => {
      loads += 1;
      throw new Error('down');
    };
    const both = [cache.cached('health', 60_000, fail), cache.cached('health', 60_000, fail)];
    expect(await Promise.allSettled(both)).toMatchObject([{ status: 'rejected' }, { status: 'rejected' }]);
    expect(loads).toBe(1);
    expect(await cache.cached('health', 60_000, async () => 'up')).toEqual({ value: 'up', cached: false });
  });

  test('is as old as what it was computed from', async () => {
    const clock = new TestClock();
    const cache = new EndpointCache({ now: clock.now });
    await cache.cached('health', 1000, async () => clock.advance(900));
    clock.advance(100);
    expect(await cache.cached('health', 1000, async () => 'again')).toEqual({ value: 'again', cached: false });
  });

  test('is not kept with a time to live of 0, nor from a future that a clock was set back from', async () => {
    const clock = new TestClock();
    const cache = new EndpointCache({ now: clock.now });
    for (let round = 0; round < 2; round += 1) {
      expect(await cache.cached('a', 0, async () => round)).toEqual({ value: round, cached: false });
    }
    clock.advance(-1);
    expect((await cache.cached('a', 1000, async () => 2)).cached).toBe(false);
  });

  test('makes room for others, the one used longest ago first', async () => {
    const cache = new EndpointCache({ maxKeys: 2 });
    const load = async (): Promise<null> => null;
    await cache.cached('a', 60_000, load);
    await cache.cached('b', 60_000, load);
    await cache.cached('a', 60_000, load);
    await cache.cached('c', 60_000, load);
    expect((await cache.cached('a', 60_000, load)).cached).toBe(true);
    expect((await cache.cached('b', 60_000, load)).cached).toBe(false);
  });

  test('can be forgotten', async () => {
    const cache = new EndpointCache();
    const load = async (): Promise<null> => null;
    await cache.cached('a', 60_000, load);
    await cache.cached('b', 60_000, load);
    cache.clear('a');
    expect((await cache.cached('a', 60_000, load)).cached).toBe(false);
    expect((await cache.cached('b', 60_000, load)).cached).toBe(true);
    cache.clear();
    expect((await cache.cached('b', 60_000, load)).cached).toBe(false);
  });
});
