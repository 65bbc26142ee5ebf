import { Type } from 'typebox';
import { defineQueue, type QueueDefinition } from '../../src/index.ts';

/** A queue for one concept of producing. */
export function producingQueue(name: string, more: Partial<QueueDefinition> = {}): QueueDefinition {
  return defineQueue({
    name,
    description: `For the tests of ${name}.`,
    payload: Type.Object({ n: Type.Integer(), text: Type.Optional(Type.String()) }, { additionalProperties: false }),
    attempts: 1,
    timeoutMs: 10_000,
    retention: { completed: {}, failed: {} },
    concurrency: 1,
    ...more,
  });
}
