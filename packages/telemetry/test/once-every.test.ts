import { expect, it, vi } from 'vitest';
import { onceEvery } from '@holdfast/telemetry';

it('reads once an interval, however often it is asked', async () => {
  const clock = testClock();
  let reads = 0;
  const read = onceEvery(300_000, async () => (reads += 1), clock.now);
  expect(await Promise.all([read(), read(), read()])).toEqual([1, 1, 1]);
  clock.advance(299_999);
  expect(await read()).toBe(1);
  clock.advance(1);
  expect(await read()).toBe(2);
});

it('tries again after a minute what could not be read, and not at once', async () => {
  const clock = testClock();
  const ask = vi.fn<() => Promise<string>>().mockRejectedValueOnce(new Error('away')).mockResolvedValue('there');
  const read = onceEvery(300_000, ask, clock.now);
  await expect(read()).rejects.toThrow('away');
  clock.advance(59_999);
  await expect(read()).rejects.toThrow('away');
  expect(ask).toHaveBeenCalledTimes(1);
  clock.advance(1);
  expect(await read()).toBe('there');
  clock.advance(60_000);
  await read();
  expect(ask).toHaveBeenCalledTimes(2);
});

function testClock() {
  let ms = 0;
  return { now: () => ms, advance: (by: number) => (ms += by) };
}
