import { defineQueue, type QueueDefinition } from '@holdfast/queue';
import { Type, type Static } from 'typebox';

const payload = Type.Object(
  { source: Type.String({ minLength: 1, maxLength: 100, description: 'The name of a configured source.' }) },
  { additionalProperties: false },
);

export type SourceSyncData = Static<typeof payload>;

const result = Type.Object({
  at: Type.String({ description: 'When it ended, ISO 8601.' }),
  durationMs: Type.Number(),
  fetched: Type.Integer({ description: 'Items that the upstream has.' }),
  updated: Type.Integer({ description: 'Items that were new, changed, or no longer in the cache.' }),
  unchanged: Type.Integer(),
  deleted: Type.Integer({ description: 'Items that the upstream no longer has.' }),
  failed: Type.Integer(),
  commands: Type.Integer({ description: 'Redis commands of the whole sync.' }),
  pages: Type.Integer({ description: 'Requests that the upstream answered.' }),
});

/** One schedule entry, and one job at start, for each configured source: see `sourceSyncSchedules`. */
export const sourceSync: QueueDefinition<'source-sync', typeof payload, typeof result> = defineQueue({
  name: 'source-sync',
  description:
    'Mirrors a remote collection into the cache: fetches all its pages, writes what changed, prunes the rest.',
  payload,
  result,
  attempts: 3,
  backoff: { type: 'exponential', delayMs: 1000, maxDelayMs: 30_000 },
  timeoutMs: 5 * 60_000,
  retention: { completed: { count: 100, ageMs: 7 * 86_400_000 }, failed: { count: 100, ageMs: 30 * 86_400_000 } },
  // Syncs of different sources run side by side; those of one source are kept apart by its own lock.
  concurrency: 2,
  schedule: { everyMs: 10 * 60_000 },
  runAtStart: true,
});
