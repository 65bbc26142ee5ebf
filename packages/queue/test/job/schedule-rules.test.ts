import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextClockChange, type ClockChange } from '../../src/job/clock-changes.ts';
import { nextRun } from '../../src/job/next-run.ts';
import { nextRuns, scheduleIssues } from '../../src/job/schedule-rules.ts';

const runs = (pattern: string, tz: string, after: string, count: number): string[] =>
  nextRuns({ pattern, tz }, Date.parse(after), count).map((time) => new Date(time).toISOString());

interface ZoneChange {
  readonly tz: string;
  readonly change: ClockChange;
}

/** One of each kind within a year. */
function changesOfAllZones(): ZoneChange[] {
  const found = new Map<string, ZoneChange>();
  for (const tz of Intl.supportedValuesOf('timeZone')) {
    let change = nextClockChange(tz, Date.UTC(2027, 0, 1));
    for (; change !== undefined && change.at < Date.UTC(2028, 0, 1); change = nextClockChange(tz, change.at)) {
      found.set(JSON.stringify(change), { tz, change });
    }
  }
  return [...found.values()];
}

function wrongRunsOf({ tz, change: { at, before, after } }: ZoneChange): string[] {
  const day = Math.floor((at + before) / 86_400_000) * 86_400_000;
  const quarters = Array.from({ length: 96 }, (_, n) => day + n * 900_000);
  return quarters.flatMap((shown) => {
    const expected = shown < Math.max(at + before, at + after) ? shown - before : shown - after;
    const time = new Date(shown);
    const pattern = `${time.getUTCMinutes()} ${time.getUTCHours()} * * *`;
    const run = nextRun(expected - 3 * 3_600_000, { pattern, tz });
    return run === expected ? [] : [`${tz} ${pattern}: ${run}, not ${expected}`];
  });
}

/** The parser of BullMQ loses these: a yearly run by a year. */
describe('the next runs of a schedule where the clocks go forward at midnight', () => {
  it.each([
    ['Africa/Cairo', '0 0 * * *', '2027-04-28T12:00:00Z', ['2027-04-28T22:00', '2027-04-29T22:00', '2027-04-30T21:00']],
    ['Africa/Cairo', '30 0 30 4 *', '2027-01-01T00:00:00Z', ['2027-04-29T22:30', '2028-04-29T21:30']],
    [
      'Africa/Cairo',
      '*/20 0 * * *',
      '2027-04-29T12:00:00Z',
      ['2027-04-29T22:00', '2027-04-29T22:20', '2027-04-29T22:40'],
    ],
    ['Africa/Cairo', '0 0 * 4 5L', '2027-01-01T00:00:00Z', ['2027-04-29T22:00', '2028-04-27T22:00']],
    ['America/Santiago', '0 0 5 9 *', '2027-01-01T00:00:00Z', ['2027-09-05T04:00', '2028-09-05T03:00']],
    ['America/Havana', '15 0 14 3 *', '2027-01-01T00:00:00Z', ['2027-03-14T05:15', '2028-03-14T04:15']],
    ['Asia/Beirut', '0 0 28 3 *', '2027-01-01T00:00:00Z', ['2027-03-27T22:00', '2028-03-27T21:00']],
    // 02:00 at 02:30, the half hour that is left out there.
    ['Australia/Lord_Howe', '0 2 3 10 *', '2027-01-01T00:00:00Z', ['2027-10-02T15:30', '2028-10-02T15:00']],
    [
      'Australia/Lord_Howe',
      '15 2 * * *',
      '2027-10-01T12:00:00Z',
      ['2027-10-01T15:45', '2027-10-02T15:45', '2027-10-03T15:15'],
    ],
    // Two hours are left out.
    ['Antarctica/Troll', '30 1 28 3 *', '2027-01-01T00:00:00Z', ['2027-03-28T01:30', '2028-03-27T23:30']],
  ])('%s, %s: later by the length of the gap, that day only', (tz, pattern, after, expected) => {
    expect(runs(pattern, tz, after, expected.length).map((time) => time.slice(0, 16))).toEqual(expected);
  });

  it('none is doubled that comes every hour, or at the hour to which the clocks go', () => {
    expect(runs('0 * * * *', 'Africa/Cairo', '2027-04-29T20:30:00Z', 3).map((time) => time.slice(11, 16))).toEqual([
      '21:00',
      '22:00',
      '23:00',
    ]);
    expect(runs('0 0,1 * * *', 'Africa/Cairo', '2027-04-29T12:00:00Z', 3)).toEqual([
      '2027-04-29T22:00:00.000Z',
      '2027-04-30T21:00:00.000Z',
      '2027-04-30T22:00:00.000Z',
    ]);
  });

  it('none is made up behind the end that another program gave it', () => {
    const after = Date.parse('2027-04-29T12:00:00Z');
    const until = (endDate: string) =>
      nextRun(after, { pattern: '30 0 * * *', tz: 'Africa/Cairo', endDate: new Date(endDate) });
    expect(until('2027-04-29T22:30:00Z')).toBe(Date.parse('2027-04-29T22:30:00Z'));
    expect(until('2027-04-29T22:29:59Z')).toBeUndefined();
  });

  it('in every zone, on each day on which the clocks change: each quarter of an hour once, moved, or the first of two times', () => {
    expect(changesOfAllZones().flatMap(wrongRunsOf)).toEqual([]);
  });

  it('where the clocks go back by half an hour: none is lost, and what runs every hour runs in both', () => {
    expect(runs('0 3 * * *', 'Australia/Lord_Howe', '2027-04-02T12:00:00Z', 3)).toEqual([
      '2027-04-02T16:00:00.000Z',
      '2027-04-03T16:30:00.000Z',
      '2027-04-04T16:30:00.000Z',
    ]);
    expect(runs('45 * * * *', 'Australia/Lord_Howe', '2027-04-03T14:00:00Z', 4)).toEqual([
      '2027-04-03T14:45:00.000Z', // 01:45 in summer time
      '2027-04-03T15:15:00.000Z', // 01:45 in winter time
      '2027-04-03T16:15:00.000Z',
      '2027-04-03T17:15:00.000Z',
    ]);
  });

  it('in any zone what comes daily comes each day', () => {
    const zones = ['Africa/Cairo', 'America/Santiago', 'Asia/Beirut', 'America/Havana', 'Europe/Berlin', 'UTC'];
    const zone = fc.constantFrom(...zones);
    const times = fc.record({ minute: fc.nat(59), hour: fc.nat(23), start: fc.integer({ min: 0, max: 700 }) });
    fc.assert(
      fc.property(zone, times, (tz, { minute, hour, start }) => {
        const after = Date.UTC(2027, 0, 1) + start * 86_400_000;
        const found = nextRuns({ pattern: `${minute} ${hour} * * *`, tz }, after, 30);
        const gaps = found.slice(1).map((time, index) => (time - (found[index] ?? 0)) / 3_600_000);
        // A run a day, whatever the clocks do.
        expect(gaps.every((hours) => hours >= 23 && hours <= 25)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});

/** In Berlin the clocks go from 02:00 to 03:00 on 28 March 2027, and from 03:00 back to 02:00 on 31 October. */
describe('the next runs of a schedule in Europe/Berlin', () => {
  it('at a time that does not exist when the clocks go forward: an hour later, that day only', () => {
    expect(runs('30 2 * * *', 'Europe/Berlin', '2027-03-26T12:00:00Z', 3)).toEqual([
      '2027-03-27T01:30:00.000Z',
      '2027-03-28T01:30:00.000Z', // 03:30 in Berlin
      '2027-03-29T00:30:00.000Z',
    ]);
  });

  it('at a time that comes twice when the clocks go back: the first time only', () => {
    expect(runs('30 2 * * *', 'Europe/Berlin', '2027-10-29T12:00:00Z', 3)).toEqual([
      '2027-10-30T00:30:00.000Z',
      '2027-10-31T00:30:00.000Z', // 02:30 in summer time; the one in winter time would be 01:30Z
      '2027-11-01T01:30:00.000Z',
    ]);
  });

  it('every hour: none is left out and none is doubled, in spring and in autumn', () => {
    expect(runs('30 * * * *', 'Europe/Berlin', '2027-03-27T23:00:00Z', 4)).toEqual([
      '2027-03-27T23:30:00.000Z',
      '2027-03-28T00:30:00.000Z',
      '2027-03-28T01:30:00.000Z',
      '2027-03-28T02:30:00.000Z',
    ]);
    expect(runs('30 * * * *', 'Europe/Berlin', '2027-10-30T23:00:00Z', 4)).toEqual([
      '2027-10-30T23:30:00.000Z',
      '2027-10-31T00:30:00.000Z',
      '2027-10-31T01:30:00.000Z',
      '2027-10-31T02:30:00.000Z',
    ]);
  });

  it('every quarter of the hour that is left out: each an hour later', () => {
    expect(runs('*/15 2 * * *', 'Europe/Berlin', '2027-03-27T12:00:00Z', 5)).toEqual([
      '2027-03-28T01:00:00.000Z',
      '2027-03-28T01:15:00.000Z',
      '2027-03-28T01:30:00.000Z',
      '2027-03-28T01:45:00.000Z',
      '2027-03-29T00:00:00.000Z',
    ]);
  });

  it('every quarter of the hour that comes twice: in the first of the two', () => {
    expect(runs('*/15 2 * * *', 'Europe/Berlin', '2027-10-30T12:00:00Z', 5)).toEqual([
      '2027-10-31T00:00:00.000Z',
      '2027-10-31T00:15:00.000Z',
      '2027-10-31T00:30:00.000Z',
      '2027-10-31T00:45:00.000Z',
      '2027-11-01T01:00:00.000Z',
    ]);
  });

  it('at noon: at noon in Berlin, whatever that is in UTC', () => {
    expect(runs('0 12 * * *', 'Europe/Berlin', '2027-03-27T00:00:00Z', 2)).toEqual([
      '2027-03-27T11:00:00.000Z',
      '2027-03-28T10:00:00.000Z',
    ]);
  });

  it('are in UTC without a time zone, which has no such days', () => {
    const times = nextRuns({ pattern: '30 2 * * *' }, Date.parse('2027-03-26T12:00:00Z'), 4);
    expect(new Set(times.map((time, at) => time - (times[at - 1] ?? time - 86_400_000)))).toEqual(
      new Set([86_400_000]),
    );
  });

  it('come later and later, whatever the day and the minute', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 59 }),
        fc.integer({ min: 0, max: 23 }),
        fc.date({ min: new Date('2026-01-01'), max: new Date('2029-12-31'), noInvalidDate: true }),
        (minute, hour, day) => {
          const times = nextRuns({ pattern: `${minute} ${hour} * * *`, tz: 'Europe/Berlin' }, day.getTime(), 4);
          const gaps = times.map((time, at) => time - (times[at - 1] ?? day.getTime()));
          expect(gaps[0]).toBeGreaterThan(0);
          // A day, an hour more or less where the clocks change.
          for (const gap of gaps.slice(1)) expect([23, 24, 25].map((hours) => hours * 3_600_000)).toContain(gap);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('when a schedule runs', () => {
  it.each([
    [{ pattern: '0 2 * * *' }],
    [{ pattern: '*/10 * * * * *', tz: 'America/New_York' }],
    [{ pattern: '0 0 L * *' }],
    [{ pattern: '0 9 * * MON-FRI', tz: 'UTC' }],
    [{ everyMs: 1000 }],
  ])('can be %o', (schedule) => expect([...scheduleIssues(schedule)]).toEqual([]));

  it.each<[unknown, string]>([
    [{}, '/pattern'],
    [{ pattern: '0 2 * * *', everyMs: 1000 }, '/pattern'],
    [{ pattern: '' }, '/pattern'],
    [{ pattern: '* * * *' }, '/pattern'],
    [{ pattern: '0 0 0 0 0 0 0' }, '/pattern'],
    [{ pattern: '61 * * * *' }, '/pattern'],
    [{ pattern: '0 0 30 2 *' }, '/pattern'],
    [{ pattern: 'H H * * *' }, '/pattern'],
    [{ pattern: '*/H * * * *' }, '/pattern'],
    [{ pattern: '0 1-H * * THU' }, '/pattern'],
    [{ pattern: '@daily' }, '/pattern'],
    [{ pattern: 5 }, '/pattern'],
    [{ pattern: `${'1,'.repeat(200)}1 * * * *` }, '/pattern'],
    [{ pattern: '0 2 * * *', tz: 'Mars/Olympus' }, '/tz'],
    [{ pattern: '0 2 * * *', tz: '' }, '/tz'],
    [{ pattern: '0 2 * * *', tz: 1 }, '/tz'],
    [{ everyMs: 999 }, '/everyMs'],
    [{ everyMs: 1.5e3 + 0.1 }, '/everyMs'],
    [{ everyMs: '5000' }, '/everyMs'],
    [{ everyMs: 366 * 86_400_000 }, '/everyMs'],
    [{ everyMs: 1000, tz: 'UTC' }, '/tz'],
    [null, ''],
  ])('cannot be %o', (schedule, path) => {
    expect([...scheduleIssues(schedule)].map((issue) => issue.path)).toEqual([path]);
  });

  it('is taken or refused in words, whatever it is; what is taken can be reckoned with', () => {
    const field = fc.oneof(
      fc.constantFrom('*', '?', 'L', '*/5', '1-5', '0', '31', 'MON#2', 'H'),
      fc.string({ maxLength: 4 }),
    );
    const pattern = fc.oneof(
      fc.string(),
      fc.array(field, { minLength: 4, maxLength: 7 }).map((fields) => fields.join(' ')),
    );
    fc.assert(
      fc.property(pattern, fc.constantFrom(undefined, 'Europe/Berlin', 'Nowhere'), (text, tz) => {
        const schedule = { pattern: text, ...(tz !== undefined && { tz }) };
        const issues = [...scheduleIssues(schedule)];
        if (issues.length === 0) expect(nextRuns(schedule, Date.now(), 3).length).toBeGreaterThan(0);
        else expect(issues).toEqual([{ path: expect.stringMatching(/^\/(pattern|tz)$/), message: expect.any(String) }]);
      }),
      { numRuns: 300 },
    );
  });
});
