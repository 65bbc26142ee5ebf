import { Type } from 'typebox';
import { describe } from 'vitest';
import { defineQueue } from '../../src/index.ts';
import type { QueueBackend, QueueDefinition } from '../../src/index.ts';
import { useQueues } from '../use-queues.ts';
import { describeAdding } from './describe-adding.ts';
import { describeAsking } from './describe-asking.ts';
import { describeClosing } from './describe-closing.ts';
import { describeRunning } from './describe-running.ts';
import { describeStarting } from './describe-starting.ts';
import { describeSummary } from './describe-summary.ts';

const forever: Pick<QueueDefinition, 'retention'> = { retention: { completed: {}, failed: {} } };

/** Each test has a queue of its own, so that tests do not see each other's jobs. */
const names = ['adding', 'racing', 'invalid', 'options', 'waiting', 'failing', 'permanent', 'priority', 'delay'].concat(
  [
    'timeout',
    'summary',
    'age',
    'progress',
    'drain',
    'hanging',
    'schedule',
    'start',
    'rollout',
    'idle',
    'twice',
    'results',
  ],
);

const definitions = names.map((name) =>
  defineQueue({
    name,
    description: `For the test of ${name}.`,
    payload: Type.Object({ n: Type.Integer(), tag: Type.Optional(Type.String()) }, { additionalProperties: false }),
    attempts: 3,
    backoff: { type: 'exponential', delayMs: 20, maxDelayMs: 100 },
    timeoutMs: 10_000,
    concurrency: 1,
    ...forever,
  }),
);

/** What both backends promise, whatever is behind them. */
export function describeQueueBackend(kind: string, create: () => Promise<QueueBackend>): void {
  describe(`queues on the ${kind} backend`, () => {
    const test = useQueues(create, definitions);
    describeAdding(test);
    describeAsking(test);
    describeRunning(test);
    describeClosing(test);
    describeSummary(test, names);
    describeStarting(test);
  });
}
