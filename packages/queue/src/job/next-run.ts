import { getNextMillis, type RepeatOptions } from 'bullmq';
import { midnightGaps } from './midnight-gaps.ts';

/** How far is looked where the parser finds nothing: a pattern may come only when midnight is left out, the last Friday of April. */
const yearMs = 366 * 86_400_000;

/**
 * When a schedule runs next after `after`, milliseconds since the epoch; `undefined`: never. As BullMQ's parser has it, which
 * puts a time that the clocks leave out an hour later, but loses it where they leave out midnight (Cairo, Santiago, Havana,
 * Beirut): a yearly run would be missing for a year. Here it comes an hour later there, too.
 *
 * BullMQ asks this instead of its own for the next run (`settings.repeatStrategy`), so what is shown is what comes.
 */
export function nextRun(after: number, options: RepeatOptions): number | undefined {
  const regular: number | undefined = getNextMillis(after, options);
  const { pattern, tz, startDate, endDate, immediately } = options;
  if (pattern === undefined || tz === undefined || immediately === true) return regular;
  const from = Math.max(after, startDate === undefined ? 0 : new Date(startDate).getTime());
  for (const { at, wall, lengthMs } of midnightGaps(tz, from, regular ?? from + yearMs)) {
    // As if the clocks had not been put forward: what would have come while they show what they leave out?
    const behind = wall + Math.max(-1, from - at);
    const left: number | undefined = getNextMillis(behind, { pattern, tz: 'UTC' });
    if (left === undefined || left >= wall + lengthMs) continue;
    const run = at + left - wall;
    if (endDate !== undefined && run > new Date(endDate).getTime()) return regular;
    return Math.min(regular ?? Infinity, run);
  }
  return regular;
}
