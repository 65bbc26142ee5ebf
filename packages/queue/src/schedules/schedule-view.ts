import type { JobSchedulerJson } from 'bullmq';
import type { Schedule } from '../define-queue.ts';
import type { JobOptions } from '../job-options.ts';
import type { ScheduleRecord } from './records.ts';
import { nextRuns } from './rules.ts';

/** A schedule as the outside sees it; times are ISO 8601 UTC. */
export interface ScheduleView {
  readonly id: string;
  readonly queue: string;
  /** Either this and `tz` or `everyMs`. */
  readonly pattern?: string;
  readonly tz?: string;
  readonly everyMs?: number;
  readonly paused: boolean;
  /** `null` while it is paused. */
  readonly next: string | null;
  /** The next runs, `next` included, as far as they are known; none while it is paused. */
  readonly upcoming: readonly string[];
  readonly job: { readonly name: string; readonly data: unknown; readonly options?: JobOptions };
}

/**
 * @param existing BullMQ's schedule, where there is one
 * @param record what was said of it, where something was
 * @returns `undefined` when neither says how it runs
 */
export function toScheduleView(
  queue: string,
  id: string,
  {
    existing,
    record,
  }: { readonly existing: JobSchedulerJson | undefined; readonly record: ScheduleRecord | undefined },
  upcoming: number,
): ScheduleView | undefined {
  const schedule = record?.schedule ?? (existing === undefined ? undefined : scheduleOf(existing));
  if (schedule === undefined || record?.state === 'removed') return undefined;
  const next = record?.state === 'paused' ? undefined : existing?.next;
  const job = record?.job ?? { name: existing?.name, data: existing?.template?.data };
  return {
    id,
    queue,
    ...('everyMs' in schedule
      ? { everyMs: schedule.everyMs }
      : { pattern: schedule.pattern, tz: schedule.tz ?? 'UTC' }),
    paused: record?.state === 'paused',
    next: next === undefined ? null : isoTime(next),
    upcoming: next === undefined ? [] : runsFrom(schedule, next, upcoming).map((time) => isoTime(time)),
    job: {
      name: job.name ?? queue,
      data: job.data,
      ...(record?.job.options !== undefined && { options: record.job.options }),
    },
  };
}

export function scheduleOf({ pattern, every, tz }: JobSchedulerJson): Schedule | undefined {
  if (pattern !== undefined) return { pattern, ...(tz !== undefined && { tz }) };
  return every === undefined ? undefined : { everyMs: every };
}

function runsFrom(schedule: Schedule, next: number, count: number): number[] {
  if (count === 0) return [];
  if ('everyMs' in schedule) return nextRuns(schedule, next, count, next);
  return [next, ...nextRuns(schedule, next, count - 1)];
}

function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
