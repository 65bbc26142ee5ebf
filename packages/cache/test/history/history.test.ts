import { historyMutations, historySeconds } from '@holdfast/testing';
import { describe, expect, test } from 'vitest';
import { check, type Verdict } from './checker.ts';
import { makeHistory } from './driver.ts';
import { mutations } from './mutations.ts';

/** What a busy machine needs to hand a message on; time in which a process did not run at all is not counted. */
const DELIVERY_MS = 100;
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

  test.runIf(historyMutations()).each(Object.keys(mutations))(
    'is found out when %s',
    { timeout: ROUNDS * (ROUND_SECONDS * 1000 + AROUND_MS) },
    async (mutation) => {
      for (let round = 1; round <= ROUNDS; round += 1) {
        const history = await makeHistory({ seconds: ROUND_SECONDS, seed: round, mutation });
        const { violations } = check(history, { deliveryMs: DELIVERY_MS });
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
