import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LoopSign } from '../../src/consuming/loop-sign.ts';
import { LoopWatch, type LoopState } from '../../src/consuming/loop-watch.ts';

describe('the watch over an event loop', () => {
  let sign: LoopSign;
  let watch: LoopWatch;
  beforeEach(() => {
    vi.useFakeTimers();
    sign = new LoopSign();
    watch = new LoopWatch({ sign: new LoopSign(sign.memory), everyMs: 250 });
  });
  afterEach(() => vi.useRealTimers());

  const lookFor = (milliseconds: number): LoopState => {
    let state: LoopState = { kind: 'turning' };
    for (let passed = 0; passed < milliseconds; passed += 250) {
      vi.advanceTimersByTime(250);
      state = watch.look();
    }
    return state;
  };

  it('has the patience of the longest job that runs, at least 10 s, and 15 minutes where none does', () => {
    expect(sign.patienceMs).toBe(900_000);
    const ends = [sign.begin(1000), sign.begin(60_000), sign.begin(60_000)];
    expect(sign.patienceMs).toBe(60_000);
    ends[1]?.();
    expect(sign.patienceMs).toBe(60_000);
    ends[2]?.();
    expect(sign.patienceMs).toBe(10_000);
    ends[0]?.();
    expect(sign.patienceMs).toBe(900_000);
  });

  it('says once that it is stuck, and once that it turns again', () => {
    const end = sign.begin(20_000);
    expect(lookFor(20_000)).toEqual({ kind: 'standing', stoodMs: 20_000 });
    expect(lookFor(250)).toEqual({ kind: 'stuck', isNews: true, stoodMs: 20_250, limitMs: 20_000 });
    expect(lookFor(9750)).toEqual({ kind: 'stuck', isNews: false, stoodMs: 30_000, limitMs: 20_000 });
    end();
    sign.turn();
    expect(lookFor(250)).toEqual({ kind: 'freed', stoodMs: 30_000, limitMs: 20_000 });
    sign.turn();
    expect(lookFor(250)).toEqual({ kind: 'turning' });
    expect(lookFor(250)).toEqual({ kind: 'standing', stoodMs: 250 });
  });

  it('does not count the time in which it was stopped itself', () => {
    sign.begin(20_000);
    lookFor(1000);
    vi.advanceTimersByTime(3_600_000);
    expect(watch.look()).toEqual({ kind: 'standing', stoodMs: 1500 });
  });
});
