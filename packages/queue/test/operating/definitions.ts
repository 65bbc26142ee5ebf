import { Type } from 'typebox';
import { defineQueue } from '../../src/index.ts';
import type { QueueDefinition } from '../../src/index.ts';

/** A queue for each test, so that tests do not see each other's jobs. */
export function definitionsFor(names: string, attempts = 1): QueueDefinition[] {
  return names.split(' ').map((name) =>
    defineQueue({
      name,
      description: `For the test of ${name}.`,
      payload: Type.Object({ n: Type.Integer(), text: Type.Optional(Type.String()) }),
      attempts,
      timeoutMs: 20_000,
      concurrency: 20,
      retention: { completed: {}, failed: {} },
    }),
  );
}
