import { historyMutations, historySeconds } from '@holdfast/testing';
import { describe, expect, test } from 'vitest';
import { check, type Verdict } from './checker.ts';
import { makeHistory } from './driver.ts';
import { mutations } from './mutations.ts';

/** What a busy machine needs to hand a message on; time in which a process did not run at all is not counted. */
const DELIVERY_MS = 100;

describe('what several processes see while values are written, taken away and loaded, and connections break', () => {
  const seconds = historySeconds();
  const seed = Math.floor(Math.random() * 100_000);

  test(`is what they may see (seed ${seed})`, { timeout: seconds * 1000 + 120_000 }, async () => {
    const verdict = check(await makeHistory({ seconds, seed }), { deliveryMs: DELIVERY_MS });
    expect(report(verdict)).toBe('');
    // A history in which little happened shows little.
    expect(verdict.reads).toBeGreaterThan(seconds * 50);
    expect(verdict.loads).toBeGreaterThan(seconds * 5);
  });

  test.runIf(historyMutations()).each(Object.keys(mutations))(
    'is found out when %s',
    { timeout: 120_000 },
    async (mutation) => {
      for (let round = 1; round <= 10; round += 1) {
        const { violations } = check(await makeHistory({ seconds: 5, seed: round, mutation }), {
          deliveryMs: DELIVERY_MS,
        });
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
