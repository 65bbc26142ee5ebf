import type { FieldIssue } from '@holdfast/redis-core';
import type { Schedule } from './schedule.ts';
import { isDotSegment } from './job-id.ts';
import { limits } from './limits.ts';
import { nextRun } from './next-run.ts';

const maxPatternLength = 200;
const idPattern = /^[A-Za-z0-9._~-]{1,128}$/;

export const scheduleIdRule = 'must be 1 to 128 of A-Z a-z 0-9 . _ ~ -, and not "." or ".."';

/** Whether a schedule may be given this id. Those of other BullMQ programs can have any: see `canBeAskedFor`. */
export function isScheduleId(id: string): boolean {
  return idPattern.test(id) && !isDotSegment(id);
}

/** What is wrong with when a schedule runs; `path` is where its fields stand. */
export function* scheduleIssues(value: unknown, path = ''): Generator<FieldIssue> {
  if (typeof value !== 'object' || value === null) {
    yield { path, message: 'must be an object.' };
    return;
  }
  const { pattern, everyMs, tz } = value as Record<string, unknown>;
  if ((pattern === undefined) === (everyMs === undefined)) {
    yield { path: `${path}/pattern`, message: 'must be given, or else everyMs, and not both.' };
    return;
  }
  if (everyMs !== undefined) {
    if (!limits.everyMs.holds(everyMs)) yield { path: `${path}/everyMs`, message: `${limits.everyMs.rule}.` };
    if (tz !== undefined) yield { path: `${path}/tz`, message: 'is only for a pattern.' };
    return;
  }
  if (tz !== undefined && !isTimeZone(tz)) {
    yield { path: `${path}/tz`, message: 'must be a time zone such as "Europe/Berlin".' };
    return;
  }
  const problem = patternProblem(pattern, tz);
  if (problem !== undefined) yield { path: `${path}/pattern`, message: `${problem}.` };
}

/**
 * When a schedule runs next, milliseconds since the epoch; exactly as BullMQ will have it. Where clocks are put forward, a
 * time that does not exist runs later by what they leave out; where they are put back, a time that comes twice runs the first time, but
 * what runs every hour runs in both.
 *
 * @param next of `everyMs`: its next run, which BullMQ knows; without it the runs are counted from `after`
 */
export function nextRuns(schedule: Schedule, after: number, count: number, next?: number): number[] {
  if ('everyMs' in schedule) {
    const first = next ?? after + schedule.everyMs;
    return Array.from({ length: count }, (_, n) => first + n * schedule.everyMs);
  }
  const runs: number[] = [];
  let last = after;
  while (runs.length < count) {
    const run = nextRun(last, { pattern: schedule.pattern, tz: schedule.tz ?? 'UTC' });
    if (run === undefined) break;
    runs.push(run);
    last = run;
  }
  return runs;
}

/** BullMQ takes nearly everything: too few fields, and `H`, which is another time in each process. */
function patternProblem(pattern: unknown, tz: string | undefined): string | undefined {
  if (typeof pattern !== 'string' || pattern.length > maxPatternLength) {
    return `must be a cron expression of at most ${maxPatternLength} characters`;
  }
  const fields = pattern.trim().split(/\s+/);
  if (fields.length !== 5 && fields.length !== 6) {
    return 'must have 5 fields (minute, hour, day of month, month, day of week), or 6 with the second before them';
  }
  // The parser puts a number of its own in the place of each, wherever it stands but in the name of a day: "*/H", "1-H".
  if (/H/i.test(pattern.replaceAll(/thu/gi, ''))) return 'must not have H, which is another time in each process';
  try {
    const schedule = { pattern, ...(tz !== undefined && { tz }) };
    if (nextRuns(schedule, Date.now(), 1).length === 0) return 'never comes';
  } catch (error) {
    return `is not a cron expression: ${error instanceof Error ? error.message : String(error)}`;
  }
  return undefined;
}

export function isTimeZone(value: unknown): value is string {
  if (typeof value !== 'string' || value.length > 64) return false;
  try {
    // BullMQ complains only of some that are none, and in words that say nothing.
    return new Intl.DateTimeFormat('en', { timeZone: value }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
