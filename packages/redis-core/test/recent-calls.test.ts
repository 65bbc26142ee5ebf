import { describe, expect, test } from 'vitest';
import { RecentCalls } from '../src/recent-calls.ts';

/** Ten parts of a second each. */
const window = (): RecentCalls => new RecentCalls(10_000, 10);

describe('the calls of the last ten seconds', () => {
  test('are counted, those that were answered and those that were not', () => {
    const calls = window();
    for (let at = 0; at < 5000; at += 10) calls.answered(at);
    calls.failed(5000);
    calls.failed(5001);
    expect(calls.within(5002)).toEqual({ answered: 500, failed: 2 });
  });

  test('are forgotten a second after another', () => {
    const calls = window();
    for (let second = 0; second < 10; second += 1) calls.failed(second * 1000);
    expect(calls.within(9999).failed).toBe(10);
    expect(calls.within(10_000).failed).toBe(9);
    expect(calls.within(14_500).failed).toBe(5);
  });

  test('are all forgotten after a silence, however few calls follow', () => {
    const calls = window();
    for (let call = 0; call < 100; call += 1) calls.failed(1000);
    calls.answered(3_600_000);
    expect(calls.within(3_600_001)).toEqual({ answered: 1, failed: 0 });
  });

  test('one that began a little earlier than the last is counted with it', () => {
    const calls = window();
    calls.answered(2000);
    calls.answered(1990);
    calls.failed(1995);
    expect(calls.within(2000)).toEqual({ answered: 2, failed: 1 });
  });
});
