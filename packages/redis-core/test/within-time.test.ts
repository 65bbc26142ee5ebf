import { heapGrowth } from '@holdfast/testing';
import { describe, expect, it } from 'vitest';
import { withinTime } from '../src/index.ts';

const hour = 3_600_000;
/** Ends when its signal says so, with the reason. */
const never = async (signal: AbortSignal): Promise<never> => {
  const { promise, reject } = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  signal.throwIfAborted();
  return promise;
};

describe('work within a time', () => {
  it('gives what the work gives, or throws what it throws', async () => {
    expect(await withinTime(hour, undefined, async () => 5)).toBe(5);
    await expect(withinTime(hour, undefined, async () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  });

  it('is told when the time is over, and when the caller says so, whichever comes first', async () => {
    const caller = new AbortController();
    await expect(withinTime(5, caller.signal, never)).rejects.toMatchObject({ name: 'TimeoutError' });
    const stopped = withinTime(hour, caller.signal, never);
    caller.abort(new Error('enough'));
    await expect(stopped).rejects.toThrow('enough');
    await expect(withinTime(hour, caller.signal, never)).rejects.toThrow('enough');
  });

  it('leaves nothing behind, for one caller who stays or for many', async () => {
    const stays = new AbortController().signal;
    const listening = async (signal: AbortSignal): Promise<void> => {
      signal.addEventListener('abort', () => undefined, { once: true });
      await Promise.resolve();
    };
    const left = await heapGrowth(async (n) => {
      await withinTime(hour, n % 2 === 0 ? stays : new AbortController().signal, listening);
    });
    expect(left.signals).toBeLessThan(0.1);
    expect(left.timers).toBeLessThan(0.1);
    expect(left.objects).toBeLessThan(0.1);
    // The comparison sees what is left: this is what it is instead of.
    const kept = await heapGrowth(async () => {
      await listening(AbortSignal.any([stays, AbortSignal.timeout(hour)]));
    });
    expect(kept.signals).toBeGreaterThanOrEqual(1);
    expect(kept.timers).toBeGreaterThanOrEqual(0.9);
  }, 120_000);
});
