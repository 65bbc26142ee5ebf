/** The clocks of a zone are put forward or back. Cairo, 30 April 2027: from 00:00 to 01:00. */
export interface ClockChange {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** By how much the clocks are ahead of UTC until then, and from then on; milliseconds. */
  readonly before: number;
  readonly after: number;
}

const minuteMs = 60_000;
/** No zone changes its clocks twice within so long. */
const stepMs = 7 * 86_400_000;

/** By zone and year. */
const known = new Map<string, readonly ClockChange[]>();
/** With more, all are forgotten. */
const maxKnown = 2000;

/** The change that comes next after `from`, until the end of the year after; `undefined`: none. */
export function nextClockChange(tz: string, from: number): ClockChange | undefined {
  const year = new Date(from).getUTCFullYear();
  return [...changesOf(tz, year), ...changesOf(tz, year + 1)].find(({ at }) => at > from);
}

/** By how much the clocks of a zone are ahead of UTC, in milliseconds. */
export function clockOffset(tz: string, time: number): number {
  const year = new Date(time).getUTCFullYear();
  const changes = changesOf(tz, year);
  const last = changes.findLast(({ at }) => at <= time);
  return last?.after ?? changes[0]?.before ?? offsetsOf(tz)(time);
}

function changesOf(tz: string, year: number): readonly ClockChange[] {
  const name = `${tz} ${year}`;
  const found = known.get(name);
  if (found !== undefined) return found;
  if (known.size >= maxKnown) known.clear();
  const changes = findChanges(tz, Date.UTC(year, 0), Date.UTC(year + 1, 0));
  known.set(name, changes);
  return changes;
}

function findChanges(tz: string, from: number, to: number): ClockChange[] {
  const offsetAt = offsetsOf(tz);
  const changes: ClockChange[] = [];
  for (let start = from; start < to; start += stepMs) {
    const before = offsetAt(start);
    if (offsetAt(start + stepMs) === before) continue;
    let low = start;
    let high = start + stepMs;
    while (high - low > minuteMs) {
      const middle = low + Math.floor((high - low) / (2 * minuteMs)) * minuteMs;
      if (offsetAt(middle) === before) low = middle;
      else high = middle;
    }
    if (high < to) changes.push({ at: high, before, after: offsetAt(high) });
  }
  return changes;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function offsetsOf(tz: string): (time: number) => number {
  const format = formats.get(tz) ?? new Intl.DateTimeFormat('en-US', { timeZone: tz, timeZoneName: 'longOffset' });
  if (formats.size >= maxKnown) formats.clear();
  formats.set(tz, format);
  return (time) => {
    const name = format.formatToParts(time).find(({ type }) => type === 'timeZoneName')?.value ?? '';
    const [, sign, hours, minutes] = /GMT([+-])(\d\d):(\d\d)/.exec(name) ?? [];
    return (sign === '-' ? -1 : 1) * (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * minuteMs;
  };
}
