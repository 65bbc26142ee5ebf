import { sourceSync } from '@holdfast/jobs';
import type { Handler } from '@holdfast/queue';
import type { Handlers } from '../../module.ts';
import { sourceSyncHandler } from './source-sync.ts';
import { SyncSchedules, type SyncSchedulesDependencies } from './sync-schedules.ts';

/** What syncs the mirrors, and sees to their schedules. */
export function createHandlers(context: SyncSchedulesDependencies): Handlers {
  const { settings, part } = context;
  const schedules = new SyncSchedules(context);
  return {
    byQueue: {
      [sourceSync.name]: sourceSyncHandler(part.sources, {
        hasUpstream: settings.upstream.baseUrl !== null,
      }) as Handler,
    },
    start: ({ consumes }) => {
      if (consumes(sourceSync.name)) schedules.start();
    },
    stop: async () => schedules.close(),
  };
}
