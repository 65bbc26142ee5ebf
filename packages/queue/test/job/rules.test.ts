import fc from 'fast-check';
import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { backoffDelay } from '../../src/job/backoff.ts';
import { defineQueue, type Backoff, type QueueDefinition } from '../../src/index.ts';
import { priorityNumber } from '../../src/job/priority.ts';

const valid: QueueDefinition = {
  name: 'mail',
  description: 'Sends mail.',
  payload: Type.Object({}),
  attempts: 3,
  timeoutMs: 1000,
  retention: { completed: {}, failed: {} },
  concurrency: 1,
};

describe('the wait before the next attempt', () => {
  it.each<[string, Backoff, number, number, number]>([
    ['fixed', { type: 'fixed', delayMs: 500 }, 7, 0.9, 500],
    ['exponential, first', { type: 'exponential', delayMs: 100, jitter: 0 }, 1, 0.9, 100],
    ['exponential, fourth', { type: 'exponential', delayMs: 100, jitter: 0 }, 4, 0.9, 800],
    ['exponential, capped', { type: 'exponential', delayMs: 100, jitter: 0, maxDelayMs: 500 }, 9, 0, 500],
    ['half of it random by default', { type: 'exponential', delayMs: 100 }, 1, 1, 50],
  ])('%s', (_what, backoff, attempts, random, expected) => {
    expect(backoffDelay(backoff, attempts, () => random)).toBe(expected);
  });

  it('is finite, never negative and never above its cap', () => {
    fc.assert(
      fc.property(
        fc.record({
          type: fc.constantFrom('fixed' as const, 'exponential' as const),
          delayMs: fc.integer({ min: 0, max: 86_400_000 }),
          maxDelayMs: fc.integer({ min: 0, max: 86_400_000 }),
          jitter: fc.double({ min: 0, max: 1, noNaN: true }),
        }),
        fc.integer({ min: 0, max: 1_000_000 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (backoff, attempts, random) => {
          const wait = backoffDelay(backoff, attempts, () => random);
          expect(wait).toBeGreaterThanOrEqual(0);
          expect(wait).toBeLessThanOrEqual(backoff.maxDelayMs);
        },
      ),
    );
  });
});

describe('a priority', () => {
  it.each([
    ['high', 1],
    ['normal', 10],
    ['low', 100],
    [1, 1],
    [2_097_151, 2_097_151],
  ])('%s is %i', (priority, expected) => expect(priorityNumber(priority)).toBe(expected));

  it.each([0, -1, 1.5, 2_097_152, '1', 'HIGH', Number.NaN, null])('%s is none', (priority) =>
    expect(priorityNumber(priority)).toBeUndefined(),
  );
});

describe('the definition of a queue', () => {
  it('comes back as it was given, frozen', () => {
    const definition = defineQueue(valid);
    expect(definition).toEqual(valid);
    expect(Object.isFrozen(definition)).toBe(true);
  });

  it('names everything that is wrong with it', () => {
    const wrong = { ...valid, name: 'a:b', attempts: 0, timeoutMs: -1, priority: 'now' as never, concurrency: 0 };
    expect(() => defineQueue(wrong)).toThrow(/"a:b".*name.*attempts.*timeoutMs.*priority.*concurrency/s);
  });

  it.each<[string, Partial<QueueDefinition>]>([
    ['retention', { retention: { completed: { count: 0 }, failed: {} } }],
    ['retention', { retention: { completed: {}, failed: { ageMs: 1 } } }],
    ['schedule', { schedule: { everyMs: 10 } }],
    ['backoff', { backoff: { type: 'fixed', delayMs: -1 } }],
  ])('refuses a wrong %s', (name, part) => {
    expect(() => defineQueue({ ...valid, ...part })).toThrow(name);
  });
});
