import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Probe } from '../src/probe.ts';

const intervalMs = 250;
const deadlineMs = 400;
/** What is promised of a frozen Redis. */
const NOTICED_MS = 1000;

/** The clock is set by the tests; the server answers each question after a millisecond, or never. */
describe('a probe asks', () => {
  let received: number | undefined;
  let asked: number;
  let isFrozen: boolean;
  let wasUsed: boolean;
  let isCountedOn: boolean;
  let silences: number[];
  let probe: Probe;

  beforeEach(() => {
    vi.useFakeTimers();
    [received, asked, isFrozen, wasUsed, isCountedOn, silences] = [0, 0, false, false, false, []];
    probe = new Probe({
      intervalMs,
      deadlineMs,
      target: {
        received: () => received,
        ask: async () => {
          asked += 1;
          if (!isFrozen) setTimeout(answer, 1);
        },
        isInUse: () => {
          const isInUse = wasUsed || isCountedOn;
          wasUsed = false;
          return isInUse;
        },
      },
      onSilence: () => {
        silences.push(performance.now());
        received = undefined;
      },
    });
  });
  afterEach(() => {
    probe.stop();
    vi.useRealTimers();
  });

  function answer(): void {
    if (received !== undefined) received += 10;
  }

  /** A call, and its answer where there is one. */
  function call(): void {
    wasUsed = true;
    if (!isFrozen) setTimeout(answer, 1);
  }

  function asksIn(ms: number): number {
    const before = asked;
    vi.advanceTimersByTime(ms);
    return asked - before;
  }

  test('a silent connection twice a second as long as it was used in the last five seconds, and then every five', () => {
    vi.advanceTimersByTime(1000);
    call();
    expect(asksIn(4000)).toBe(8);
    vi.advanceTimersByTime(5000);
    expect(asksIn(60_000)).toBe(12);
    expect(silences).toEqual([]);
  });

  test('one that is counted on twice a second, although nobody uses it', () => {
    isCountedOn = true;
    vi.advanceTimersByTime(10_000);
    expect(asksIn(60_000)).toBe(120);
  });

  test('one that answers calls never', () => {
    const calling = setInterval(call, 50);
    vi.advanceTimersByTime(1000);
    expect(asksIn(60_000)).toBe(0);
    clearInterval(calling);
  });

  test.each(Array.from({ length: 20 }, (_, index) => 20_000 + index * 311))(
    'so soon that a call to a Redis that froze while it was idle (after %i ms) fails within a second',
    (idleMs) => {
      vi.advanceTimersByTime(idleMs);
      isFrozen = true;
      vi.advanceTimersByTime(idleMs % 200);
      call();
      vi.advanceTimersByTime(NOTICED_MS);
      expect(silences).toHaveLength(1);
    },
  );

  test.each(Array.from({ length: 20 }, (_, index) => 1000 + index * 61))(
    'so soon that a Redis that freezes on a connection in use (after %i ms) is noticed within a second without a call',
    (usedMs) => {
      call();
      vi.advanceTimersByTime(usedMs);
      isFrozen = true;
      vi.advanceTimersByTime(NOTICED_MS);
      expect(silences).toHaveLength(1);
    },
  );

  test('also an idle one, which is noticed within six seconds without a call', () => {
    vi.advanceTimersByTime(20_000);
    isFrozen = true;
    vi.advanceTimersByTime(6000);
    expect(silences).toHaveLength(1);
  });

  test('nothing while there is no connection, and a new one as one that is in use', () => {
    received = undefined;
    expect(asksIn(20_000)).toBe(0);
    received = 0;
    expect(asksIn(4000)).toBeGreaterThanOrEqual(7);
  });
});
