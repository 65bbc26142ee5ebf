import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type CacheUnstoredEvent, ValueTooLargeError } from '../../src/index.ts';
import { heldLoader, kinds, useProcesses } from './processes.ts';

describe.each(kinds)('what cannot be stored, on %s', (kind) => {
  const { cacheOf } = useProcesses(kind);
  const events: CacheUnstoredEvent[] = [];
  const listen = (event: unknown): void => void events.push(event as CacheUnstoredEvent);
  beforeEach(() => {
    events.length = 0;
    subscribe('holdfast:cache:unstored', listen);
  });
  afterEach(() => void unsubscribe('holdfast:cache:unstored', listen));

  const large = 'x'.repeat(2000);
  test('a value that is too large is returned to all who asked, and the loader is called once for them', async () => {
    const cache = await cacheOf({ maxValueBytes: 1000 });
    const { load, started, gate } = heldLoader(() => large);
    const calls = Array.from({ length: 20 }, () => cache.getOrSet('k', load));
    await started.wait();
    gate.open();
    expect(new Set(await Promise.all(calls))).toEqual(new Set([large]));
    expect(load).toHaveBeenCalledTimes(1);
    expect(events).toMatchObject([{ namespace: 'ns', reason: 'too-large', error: { code: 'VALUE_TOO_LARGE' } }]);
    expect(await cache.get('k')).toBeUndefined();
    expect(await cache.getOrSetDetailed('k', () => 'small')).toMatchObject({ value: 'small', unstored: null });
    expect(await cache.getOrSetDetailed('k', () => 'other')).toMatchObject({ value: 'small', served: 'fresh' });
  });

  test('one that has no stored form is the loader’s own', async () => {
    const cache = await cacheOf();
    const value = { act: () => 7 };
    expect(await cache.getOrSet('k', () => value)).toBe(value);
    expect(await cache.getOrSetDetailed('k', () => value)).toMatchObject({
      served: 'loaded',
      unstored: { reason: 'not-serializable', error: { code: 'VALUE_NOT_SERIALIZABLE' } },
    });
    expect(await cache.getOrSetMany(['a', 'k'], (missing) => new Map(missing.map((key) => [key, value])))).toEqual([
      value,
      value,
    ]);
    expect(events.map(({ reason }) => reason)).toEqual(Array(4).fill('not-serializable'));
  });

  test('leaves what is there, and does not hammer the loader behind the backs of its readers', async () => {
    const cache = await cacheOf({ maxValueBytes: 1000, softTtlMs: 1, failureThrottleMs: 60_000 });
    await cache.set('k', 'old');
    const loader = vi.fn(() => large);
    await vi.waitFor(async () => {
      expect(await cache.getOrSet('k', loader)).toBe('old');
      expect(loader).toHaveBeenCalled();
    });
    for (let call = 0; call < 20; call += 1) expect(await cache.getOrSet('k', loader)).toBe('old');
    await vi.waitFor(() => expect(events).toHaveLength(1));
    expect(loader).toHaveBeenCalledTimes(1);
  });

  test('a mistake of the loader is still its caller’s to hear of', async () => {
    const cache = await cacheOf();
    const loading = cache.getOrSet('k', ({ setTtl }) => {
      setTtl(-1);
      return 'value';
    });
    await expect(loading).rejects.toMatchObject({ code: 'TTL_INVALID' });
  });

  test.each([
    ['a text', 'hello', 'text/plain'],
    ['a torn value', '{"a":', 'application/vnd.holdfast.value'],
    ['bytes', Buffer.from([0xff, 0xd8, 0xff]), 'image/jpeg'],
  ])('%s is no value: a miss, counted, and replaced by what is loaded', async (_, body, contentType) => {
    const cache = await cacheOf();
    await cache.write('k', { body, contentType });
    expect(await cache.get('k')).toBeUndefined();
    expect(cache.stats()).toMatchObject({ hits: 0, misses: 1, foreign: 1 });
    const loader = vi.fn(() => 'loaded');
    expect(await cache.getOrSet('k', loader)).toBe('loaded');
    expect(await cache.getOrSet('k', loader)).toBe('loaded');
    expect(loader).toHaveBeenCalledTimes(1);
    expect(cache.stats()).toMatchObject({ hits: 1, misses: 2 });
    await cache.write('k', { body, contentType });
    expect(await cache.getOrSetMany(['k'], () => new Map([['k', 'loaded again']]))).toEqual(['loaded again']);
  });

  test('a text that L1 holds is no value either', async () => {
    const cache = await cacheOf();
    await cache.write('k', { body: 'hello', contentType: 'text/plain' });
    await cache.read('k');
    expect(await cache.getOrSet('k', () => 'loaded')).toBe('loaded');
  });

  test('a text that is written while it is replaced stays', async () => {
    const cache = await cacheOf();
    await cache.write('k', { body: 'hello', contentType: 'text/plain' });
    const { load, started, gate } = heldLoader(() => 'loaded');
    const loading = cache.getOrSet('k', load);
    await started.wait();
    await cache.write('k', { body: 'hello again', contentType: 'text/plain' });
    gate.open();
    expect(await loading).toBe('loaded');
    expect((await cache.read('k'))?.body.toString()).toBe('hello again');
  });

  test('what set accepts get returns: the size counts before it is compressed', async () => {
    const cache = await cacheOf({ maxValueBytes: 10_000, compressAboveBytes: 100 });
    await expect(cache.set('k', 'x'.repeat(10_001))).rejects.toThrow(ValueTooLargeError);
    await cache.set('k', 'x'.repeat(9000));
    expect(await cache.get('k')).toBe('x'.repeat(9000));
    const { failed, errors } = await cache.setMany([{ key: 'm', value: 'x'.repeat(10_001) }]);
    expect({ failed, errors }).toMatchObject({ failed: 1, errors: [{ code: 'VALUE_TOO_LARGE' }] });
  });

  test('what a namespace takes that is larger than what others may unfold to comes back, too', async () => {
    const bytes = 65 * 1024 * 1024;
    const cache = await cacheOf({ maxValueBytes: 2 * bytes, compressAboveBytes: 1000 });
    await cache.set('k', 'x'.repeat(bytes));
    expect((await cache.get<string>('k'))?.length).toBe(bytes);
  });
});
