import { defineQueue, type QueueDefinition } from '@holdfast/queue';
import { Type, type Static } from 'typebox';

const payload = Type.Object(
  { source: Type.String({ minLength: 1, maxLength: 100, description: 'The name of a configured source.' }) },
  { additionalProperties: false },
);

export type SourceSyncData = Static<typeof payload>;

/** One schedule entry, and one job at start, for each configured source: see `sourceSyncSchedules`. */
export const sourceSync: QueueDefinition<typeof payload> = defineQueue({
  name: 'source-sync',
  description:
    'Mirrors a remote collection into the cache: fetches all its pages, writes what changed, prunes the rest.',
  payload,
  attempts: 3,
  backoff: { type: 'exponential', delayMs: 1000, maxDelayMs: 30_000 },
  timeoutMs: 5 * 60_000,
  retention: { completed: { count: 100, ageMs: 7 * 86_400_000 }, failed: { count: 100, ageMs: 30 * 86_400_000 } },
  // Syncs of different sources run side by side; those of one source are kept apart by its own lock.
  concurrency: 2,
  schedule: { everyMs: 10 * 60_000 },
  runAtStart: true,
});
