import type { ScheduleEntry } from '@holdfast/queue';
import { sourceSync } from './source-sync.ts';

/**
 * The schedules of the source syncs, one a source, for `Queues.ensureSchedules`.
 *
 * @param definition the queue as configured, where its schedule was changed
 */
export function sourceSyncSchedules(
  sources: readonly string[],
  definition: Pick<typeof sourceSync, 'name' | 'schedule' | 'runAtStart'> = sourceSync,
): ScheduleEntry<readonly [typeof sourceSync]>[] {
  return sources.map((source) => ({
    queue: definition.name,
    id: source,
    data: { source },
    ...(definition.schedule !== undefined && { schedule: definition.schedule }),
    ...(definition.runAtStart !== undefined && { runAtStart: definition.runAtStart }),
  }));
}
