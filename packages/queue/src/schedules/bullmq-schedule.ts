import type { QueueHandle } from '../port/backend.ts';
import type { QueueDefinition } from '../job/define-queue.ts';
import type { Schedule } from '../job/schedule.ts';
import { compact, storedOptions, type StoredJobOptions } from '../job/job-options.ts';
import type { ScheduledJob } from '../port/schedule-records.ts';
import { readStoredSchedule, type StoredSchedule } from './stored-schedule.ts';

export interface ScheduleTarget {
  readonly definition: QueueDefinition;
  readonly handle: QueueHandle;
}

/** A schedule as BullMQ is to have it. */
export interface WantedSchedule {
  readonly schedule: Schedule;
  readonly job: ScheduledJob;
  /** Of `everyMs`, which would otherwise run once at once. */
  readonly startsOneIntervalLater: boolean;
}

/**
 * Makes BullMQ's schedule be as wanted; writes only where it is not. An upsert replaces the next job: repeating it at
 * every start of a process that restarts often would put the job off for ever.
 */
export async function upsertSchedule(id: string, wanted: WantedSchedule, target: ScheduleTarget): Promise<void> {
  const { handle, definition } = target;
  const { schedule, job } = wanted;
  const template = {
    name: job.name ?? definition.name,
    data: job.data,
    opts: storedOptions(definition, job.options),
  };
  const existing = await readStoredSchedule(handle, id);
  if (
    existing !== undefined &&
    isSame(existing, schedule, template, definition) &&
    !(await isBroken(existing, id, handle))
  )
    return;
  const repeat =
    'everyMs' in schedule
      ? {
          every: schedule.everyMs,
          ...(wanted.startsOneIntervalLater && { startDate: (await handle.now()) + schedule.everyMs }),
        }
      : { pattern: schedule.pattern, tz: schedule.tz ?? 'UTC' };
  await handle.change((queue) => queue.upsertJobScheduler(id, repeat, template));
}

/** @returns whether there was one */
export async function removeSchedule(id: string, handle: QueueHandle): Promise<boolean> {
  return handle.change((queue) => queue.removeJobScheduler(id));
}

/** What the jobs of a schedule may have of their own, or from their queue. */
const scheduledOptions = [
  'attempts',
  'priority',
  'timeoutMs',
  'waitingTtlMs',
  'backoff',
  'backoffPolicy',
  'removeOnComplete',
  'removeOnFail',
] as const satisfies readonly (keyof StoredJobOptions)[];

function isSame(
  existing: StoredSchedule,
  schedule: Schedule,
  template: { readonly name: string; readonly data: unknown; readonly opts: StoredJobOptions },
  definition: QueueDefinition,
): boolean {
  // As it would be stored today; BullMQ adds options of its own.
  const options = compact(existing.options, definition);
  const wanted = Object.fromEntries(scheduledOptions.map((name) => [name, template.opts[name]]));
  const stored = Object.fromEntries(scheduledOptions.map((name) => [name, options[name]]));
  return (
    existing.damaged.length === 0 &&
    existing.schedule !== undefined &&
    canonical(existing.schedule) === canonical(withZone(schedule)) &&
    existing.name === template.name &&
    canonical(existing.data) === canonical(template.data ?? {}) &&
    canonical(stored) === canonical(wanted)
  );
}

/** Without a zone BullMQ takes that of the process. */
function withZone(schedule: Schedule): Schedule {
  return 'everyMs' in schedule ? schedule : { pattern: schedule.pattern, tz: schedule.tz ?? 'UTC' };
}

/**
 * A worker makes the next job of a schedule after it has taken this one. If it dies in between, and the job is not run
 * again, there is never another.
 */
async function isBroken({ next }: StoredSchedule, id: string, handle: QueueHandle): Promise<boolean> {
  if (next === undefined) return true;
  const state = await handle.call((queue) => queue.getJobState(`repeat:${id}:${next}`));
  return state === 'unknown' || state === 'completed' || state === 'failed';
}

/** JSON, whatever the order of the fields: PostgreSQL has an order of its own. */
function canonical(value: unknown): string {
  return (
    JSON.stringify(value, (_key, part: unknown) =>
      typeof part === 'object' && part !== null && !Array.isArray(part)
        ? Object.fromEntries(Object.entries(part).sort(([one], [other]) => (one < other ? -1 : 1)))
        : part,
    ) ?? ''
  );
}
