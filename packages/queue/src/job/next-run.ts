import { getNextMillis, type RepeatOptions } from 'bullmq';
import { clockOffset, nextClockChange } from './clock-changes.ts';

/** A pattern that comes at all comes within the eight years from one 29 February to the next; two changes a year. */
const maxChanges = 20;
const dayMs = 86_400_000;

/**
 * When a schedule runs next after `after`, milliseconds since the epoch; `undefined`: never.
 *
 * Where the clocks go forward, a time that they leave out comes later by as much as they leave out: 02:30 in Berlin at 03:30,
 * midnight in Cairo at 01:00, 02:00 on Lord Howe at 02:30. Where they go back, a time that comes twice comes the first time,
 * but what runs every hour runs in both. BullMQ's parser is asked for times in UTC only, because it is wrong about both: it
 * skips the day where midnight or less than an hour is left out (Cairo, Santiago, Havana, Beirut, Nuuk, Lord Howe), a yearly
 * run by a year, and on Lord Howe it finds no run at all once the clocks have gone back.
 *
 * BullMQ asks this instead of its own for the next run (`settings.repeatStrategy`), so what is shown is what comes.
 */
export function nextRun(after: number, options: RepeatOptions): number | undefined {
  const { pattern, tz, startDate, endDate, immediately } = options;
  if (pattern === undefined || tz === undefined || immediately === true) return getNextMillis(after, options);
  const from = Math.max(after, startDate === undefined ? 0 : new Date(startDate).getTime());
  const run = nextShown(from, pattern, tz);
  const isOver = run !== undefined && endDate !== undefined && run > new Date(endDate).getTime();
  return isOver ? undefined : run;
}

function nextShown(after: number, pattern: string, tz: string): number | undefined {
  let from = after;
  let change = nextClockChange(tz, after - dayMs);
  let offset = change?.before ?? clockOffset(tz, after);
  let moved: number | undefined;
  for (let changes = 0; changes < maxChanges; changes += 1) {
    // As if the clocks went on as they are at `from`.
    const shown: number | undefined = getNextMillis(from + offset, { pattern, tz: 'UTC' });
    const run = shown === undefined ? undefined : shown - offset;
    if (run === undefined || moved !== undefined) return earliest(run, moved);
    if (change === undefined || run < change.at) return run;
    const leftOutMs = change.after - change.before;
    if (run < change.at + leftOutMs) moved = run;
    // Behind what the clocks show again after they have gone back, except for what runs every hour.
    const againMs = leftOutMs < 0 && !runsEveryHour(pattern) ? -leftOutMs : 0;
    from = Math.max(after, change.at + againMs - 1);
    offset = change.after;
    change = nextClockChange(tz, change.at);
  }
  return undefined;
}

function earliest(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
}

function runsEveryHour(pattern: string): boolean {
  return pattern === '@hourly' || /^(\*|\?|0-23)(\/1)?$/.test(pattern.trim().split(/\s+/).at(-4) ?? '');
}
