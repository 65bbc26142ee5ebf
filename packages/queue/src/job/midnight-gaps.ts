/** A time of day that the clocks of a zone leave out, with midnight in it. Cairo, 30 April 2027: 00:00 to 01:00. */
export interface MidnightGap {
  /** When the clocks are put forward, milliseconds since the epoch. */
  readonly at: number;
  /** What they showed then, and how much they leave out; milliseconds, as if the zone were UTC. */
  readonly wall: number;
  readonly lengthMs: number;
}

const minuteMs = 60_000;
const dayMs = 86_400_000;
const weekMs = 7 * dayMs;

/** By zone and year. */
const known = new Map<string, readonly MidnightGap[]>();
/** With more, all are forgotten. */
const maxKnown = 2000;

/** Those that end after `from` and begin before `to`, the first first; in most zones none. */
export function midnightGaps(tz: string, from: number, to: number): MidnightGap[] {
  const firstYear = new Date(from - dayMs).getUTCFullYear();
  const lastYear = new Date(to).getUTCFullYear();
  const years = Array.from({ length: lastYear - firstYear + 1 }, (_, index) => firstYear + index);
  return years.flatMap((year) => gapsOf(tz, year)).filter((gap) => gap.at + gap.lengthMs > from && gap.at < to);
}

function gapsOf(tz: string, year: number): readonly MidnightGap[] {
  const name = `${tz} ${year}`;
  const found = known.get(name);
  if (found !== undefined) return found;
  if (known.size >= maxKnown) known.clear();
  const gaps = findGaps(tz, Date.UTC(year, 0), Date.UTC(year + 1, 0));
  known.set(name, gaps);
  return gaps;
}

function findGaps(tz: string, from: number, to: number): MidnightGap[] {
  const offsetAt = offsetsOf(tz);
  const gaps: MidnightGap[] = [];
  for (let start = from; start < to; start += weekMs) {
    const before = offsetAt(start);
    const lengthMs = offsetAt(start + weekMs) - before;
    if (lengthMs <= 0) continue;
    let low = start;
    let high = start + weekMs;
    while (high - low > minuteMs) {
      const middle = low + Math.floor((high - low) / (2 * minuteMs)) * minuteMs;
      if (offsetAt(middle) === before) low = middle;
      else high = middle;
    }
    const wall = high + before;
    const midnight = Math.ceil(wall / dayMs) * dayMs;
    if (high < to && midnight < wall + lengthMs) gaps.push({ at: high, wall, lengthMs });
  }
  return gaps;
}

/** By how much the clocks of a zone are ahead of UTC, in milliseconds. */
function offsetsOf(tz: string): (time: number) => number {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: tz, timeZoneName: 'longOffset' });
  return (time) => {
    const name = format.formatToParts(time).find(({ type }) => type === 'timeZoneName')?.value ?? '';
    const [, sign, hours, minutes] = /GMT([+-])(\d\d):(\d\d)/.exec(name) ?? [];
    return (sign === '-' ? -1 : 1) * (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * minuteMs;
  };
}
