import { historyMutations, historySeconds } from '@holdfast/testing';
import { describe, expect, test } from 'vitest';
import { check, type Verdict } from './checker.ts';
import { makeHistory } from './driver.ts';
import { mutations, mutationsOfFull } from './mutations.ts';

/** What a busy machine needs to hand a message on; time in which a process did not run at all is not counted. */
const DELIVERY_MS = 100;
/** The same of a Redis that evicts all the time; what is never reported stays for longer. */
const FULL_DELIVERY_MS = 500;
/** How often a mutation may stay hidden, and in how long a history. */
const ROUNDS = 10;
const ROUND_SECONDS = 5;
/** What the processes of a history may take to start and to end. */
const AROUND_MS = 90_000;

describe('what several processes see while values are written, taken away and loaded, and connections break', () => {
  const seconds = historySeconds();
  const seed = Math.floor(Math.random() * 100_000);

  test(`is what they may see (seed ${seed})`, { timeout: seconds * 1000 + AROUND_MS }, async () => {
    const verdict = check(await makeHistory({ seconds, seed }), { deliveryMs: DELIVERY_MS });
    expect(report(verdict)).toBe('');
    // A history in which little happened shows little.
    expect(verdict.reads).toBeGreaterThan(seconds * 50);
    expect(verdict.loads).toBeGreaterThan(seconds * 5);
  });

  /** Whoever holds a key must hear of it when Redis forgets the key, also where that happens inside a command of his own. */
  test(
    `is what they may see on a Redis that is full (seed ${seed})`,
    { timeout: seconds * 1000 + AROUND_MS },
    async () => {
      const verdict = check(await makeHistory({ seconds, seed, isFull: true }), {
        deliveryMs: FULL_DELIVERY_MS,
        evicts: true,
      });
      expect(report(verdict)).toBe('');
      expect(verdict.reads).toBeGreaterThan(seconds * 50);
      expect(verdict.delays.length).toBeGreaterThan(0);
    },
  );

  test
    .runIf(historyMutations())
    .each([
      ...Object.keys(mutations).map((mutation) => [mutation, false] as const),
      ...Object.keys(mutationsOfFull).map((mutation) => [mutation, true] as const),
    ])(
    'is found out when %s (full: %s)',
    { timeout: ROUNDS * (ROUND_SECONDS * 1000 + AROUND_MS) },
    async (mutation, isFull) => {
      for (let round = 1; round <= ROUNDS; round += 1) {
        const history = await makeHistory({ seconds: ROUND_SECONDS, seed: round, mutation, isFull });
        const { violations } = check(history, { deliveryMs: isFull ? FULL_DELIVERY_MS : DELIVERY_MS, evicts: isFull });
        if (violations.length > 0) return;
      }
      expect.fail('No history showed it.');
    },
  );
});

function report({ violations }: Verdict): string {
  return violations
    .slice(0, 3)
    .map(({ rule, because, read, timeline }) => `${rule}: ${read.process} ${read.key}: ${because}\n${timeline()}`)
    .join('\n\n');
}
