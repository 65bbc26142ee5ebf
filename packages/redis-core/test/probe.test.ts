import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Probe } from '../src/probe.ts';

const intervalMs = 250;
const deadlineMs = 400;
const patienceMs = 5000;
/** What is promised of a frozen Redis. */
const NOTICED_MS = 1000;

/** The clock is set by the tests; the server answers each question after a millisecond, or never. */
describe('a probe asks', () => {
  let received: number | undefined;
  let sent: number;
  let asked: number;
  let askedBeside: number;
  let isSlow: boolean;
  let isFrozen: boolean;
  let wasUsed: boolean;
  let isCountedOn: boolean;
  let silences: number[];
  let probe: Probe;

  beforeEach(() => {
    vi.useFakeTimers();
    [received, asked, isFrozen, wasUsed, isCountedOn, silences] = [0, 0, false, false, false, []];
    [sent, askedBeside, isSlow] = [0, 0, false];
    probe = new Probe({
      intervalMs,
      deadlineMs,
      patienceMs,
      target: {
        received: () => received,
        sent: () => sent,
        ask: async () => {
          asked += 1;
          sent += 20;
          if (!isFrozen && !isSlow) setTimeout(answer, 1);
        },
        askBeside: async () => {
          askedBeside += 1;
          if (isFrozen) throw new Error('frozen');
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

  function callsAfterSilenceFailSoon(act: () => void): void {
    test.each(Array.from({ length: 20 }, (_, index) => 20_000 + index * 311))(
      'so soon that a call to a Redis that froze while it was idle (after %i ms) fails within a second',
      (idleMs) => {
        vi.advanceTimersByTime(idleMs);
        isFrozen = true;
        vi.advanceTimersByTime(idleMs % 200);
        act();
        vi.advanceTimersByTime(NOTICED_MS);
        expect(silences).toHaveLength(1);
      },
    );
  }

  function answer(): void {
    if (received !== undefined) received += 10;
  }

  /** A call, and its answer where there is one. */
  function call(): void {
    wasUsed = true;
    if (!isFrozen) setTimeout(answer, 1);
  }

  /** A megabyte that stays on its way until it is no longer slow. */
  function upload(): void {
    wasUsed = true;
    sent += 1_000_000;
    isSlow = true;
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

  callsAfterSilenceFailSoon(() => call());

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

  describe('where it is in use only while a call waits,', () => {
    const idle = { afterMs: 0, intervalMs: 13_000 };
    /** Calls that wait for their answers. */
    let waiting: number;
    beforeEach(() => {
      probe.stop();
      waiting = 0;
      probe = new Probe({
        intervalMs,
        deadlineMs,
        patienceMs,
        idle,
        target: {
          received: () => received,
          sent: () => sent,
          ask: async () => {
            asked += 1;
            if (!isFrozen) setTimeout(answer, 1);
          },
          askBeside: async () => undefined,
          isInUse: () => waiting > 0,
        },
        onSilence: () => {
          silences.push(performance.now());
          received = undefined;
        },
      });
    });

    function begin(): void {
      waiting += 1;
      if (isFrozen) return;
      setTimeout(() => {
        waiting -= 1;
        answer();
      }, 1);
    }

    test('a silent connection four or five times a minute', () => {
      expect(asksIn(600_000)).toBeLessThanOrEqual(46);
      expect(silences).toEqual([]);
    });

    test('no more often one that is used now and then', () => {
      const calling = setInterval(begin, 5011);
      expect(asksIn(600_000)).toBeLessThanOrEqual(46);
      clearInterval(calling);
      expect(silences).toEqual([]);
    });

    test.each(Array.from({ length: 20 }, (_, index) => 20_000 + index * 1311))(
      'so soon that a Redis that froze (after %i ms) is noticed within 15 s without a call',
      (idleMs) => {
        vi.advanceTimersByTime(idleMs);
        isFrozen = true;
        vi.advanceTimersByTime(15_000);
        expect(silences).toHaveLength(1);
      },
    );

    callsAfterSilenceFailSoon(() => begin());
  });

  test('nothing while there is no connection, and a new one as one that is in use', () => {
    received = undefined;
    expect(asksIn(20_000)).toBe(0);
    received = 0;
    expect(asksIn(4000)).toBeGreaterThanOrEqual(7);
  });

  test('beside an upload, and takes the connection for alive while that is answered', async () => {
    vi.advanceTimersByTime(1000);
    upload();
    await vi.advanceTimersByTimeAsync(4000);
    expect(silences).toEqual([]);
    expect(askedBeside).toBeGreaterThanOrEqual(4);
    expect(probe.isUploading).toBe(true);
    isSlow = false;
    answer();
    expect(probe.isUploading).toBe(false);
    vi.advanceTimersByTime(60_000);
    expect(silences).toEqual([]);
  });

  test('only once on the connection itself while that question is behind an upload', async () => {
    probe.stop();
    let replied: (() => void) | undefined;
    probe = new Probe({
      intervalMs,
      deadlineMs,
      patienceMs,
      target: {
        received: () => 1,
        sent: () => sent,
        ask: () => {
          asked += 1;
          return new Promise((resolve) => {
            replied = resolve;
          });
        },
        askBeside: async () => undefined,
        isInUse: () => true,
      },
      onSilence: () => silences.push(performance.now()),
    });
    vi.advanceTimersByTime(200);
    upload();
    const before = asked;
    await vi.advanceTimersByTimeAsync(3000);
    expect(asked - before).toBe(1);
    expect(replied).toBeDefined();
  });

  test.each(Array.from({ length: 20 }, (_, index) => 1000 + index * 61))(
    'so soon that a Redis that freezes under an upload (after %i ms) is noticed within a second as well',
    (usedMs) => {
      vi.advanceTimersByTime(usedMs);
      upload();
      isFrozen = true;
      vi.advanceTimersByTime(NOTICED_MS);
      expect(silences).toHaveLength(1);
    },
  );

  test('with as much patience for an upload as a call has', async () => {
    vi.advanceTimersByTime(1000);
    upload();
    await vi.advanceTimersByTimeAsync(patienceMs + intervalMs + deadlineMs + 200);
    expect(silences).toHaveLength(1);
  });

  test('never beside itself a connection on which little is unanswered', () => {
    vi.advanceTimersByTime(1000);
    sent += 60_000;
    isFrozen = true;
    vi.advanceTimersByTime(NOTICED_MS);
    expect(askedBeside).toBe(0);
    expect(silences).toHaveLength(1);
  });
});
