import { cacheModule } from '../cache/index.ts';
import { queuesModule } from '../queues/index.ts';

/** A mirror is kept in the cache, and synced by a job. */
export const sourcesNeeds = { cache: cacheModule, queues: queuesModule } as const;

export type SourcesNeeds = typeof sourcesNeeds;
