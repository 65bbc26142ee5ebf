import type { Schedule } from '../job/schedule.ts';
import type { JobOptions } from '../job/job-options.ts';
import type { ScheduleRecord } from '../port/schedule-records.ts';
import { nextRuns } from '../job/schedule-rules.ts';
import type { StoredSchedule } from './stored-schedule.ts';

/** A schedule as the outside sees it; times are ISO 8601 UTC. */
export interface ScheduleView {
  readonly id: string;
  readonly queue: string;
  /** Either this and `tz` or `everyMs`; none of them where what another program stored cannot be read: see `damaged`. */
  readonly pattern?: string;
  readonly tz?: string;
  readonly everyMs?: number;
  readonly paused: boolean;
  /** `null` while it is paused. */
  readonly next: string | null;
  /** The next runs, `next` included, as far as they are known; none while it is paused. */
  readonly upcoming: readonly string[];
  readonly job: { readonly name: string; readonly data: unknown; readonly options?: JobOptions };
  /** What its store holds of it but cannot be read, or is missing: see `JobView.damaged`. */
  readonly damaged?: readonly string[];
}

/**
 * @param existing BullMQ's schedule, where there is one
 * @param record what was said of it, where something was
 * @returns `undefined` when there is neither
 */
export function toScheduleView(
  queue: string,
  id: string,
  {
    existing,
    record: said,
  }: { readonly existing: StoredSchedule | undefined; readonly record: ScheduleRecord | undefined },
  upcoming: number,
): ScheduleView | undefined {
  // One that was removed here, and runs all the same, was made again by another program.
  const record = said?.state === 'removed' && existing !== undefined ? undefined : said;
  if ((existing === undefined && record === undefined) || record?.state === 'removed') return undefined;
  const schedule = record?.schedule ?? existing?.schedule;
  const next = record?.state === 'paused' ? undefined : existing?.next;
  const job = record?.job ?? { name: existing?.name, data: existing?.data };
  const damaged = record === undefined ? (existing?.damaged ?? []) : [];
  return {
    id,
    queue,
    ...(schedule !== undefined && whenOf(schedule)),
    paused: record?.state === 'paused',
    next: next === undefined ? null : isoTime(next),
    upcoming: next === undefined ? [] : runsFrom(schedule, next, upcoming).map((time) => isoTime(time)),
    job: {
      name: job.name ?? queue,
      data: job.data ?? {},
      ...(record?.job.options !== undefined && { options: record.job.options }),
    },
    ...(damaged.length > 0 && { damaged }),
  };
}

function whenOf(schedule: Schedule): Pick<ScheduleView, 'everyMs' | 'pattern' | 'tz'> {
  if ('everyMs' in schedule) return { everyMs: schedule.everyMs };
  return { pattern: schedule.pattern, tz: schedule.tz ?? 'UTC' };
}

/** As far as a Date can tell of them. */
function runsFrom(schedule: Schedule | undefined, next: number, count: number): number[] {
  return allRunsFrom(schedule, next, count).filter((time) => Number.isFinite(new Date(time).getTime()));
}

function allRunsFrom(schedule: Schedule | undefined, next: number, count: number): number[] {
  if (count === 0) return [];
  if (schedule === undefined) return [next];
  if ('everyMs' in schedule) return nextRuns(schedule, next, count, next);
  return [next, ...nextRuns(schedule, next, count - 1)];
}

function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
