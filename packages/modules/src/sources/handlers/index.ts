import { sourceSync } from '@holdfast/jobs';
import type { Handlers } from '../../module.ts';
import { sourceSyncHandler } from './source-sync.ts';
import { SyncSchedules, type SyncSchedulesDependencies } from './sync-schedules.ts';

/** What syncs the mirrors, and sees to their schedules. */
export function createHandlers(context: SyncSchedulesDependencies): Handlers<readonly [typeof sourceSync]> {
  const { settings, part } = context;
  const schedules = new SyncSchedules(context);
  return {
    byQueue: {
      'source-sync': sourceSyncHandler(part.sources, { hasUpstream: settings.upstream.baseUrl !== null }),
    },
    start: ({ consumes }) => {
      if (consumes(sourceSync.name)) schedules.start();
    },
    stop: async () => schedules.close(),
  };
}
