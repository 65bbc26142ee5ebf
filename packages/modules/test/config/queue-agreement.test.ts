import { createRequire } from 'node:module';
import fc from 'fast-check';
import { Compile } from 'typebox/compile';
import { stringify } from 'yaml';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '@holdfast/config';
import type { QueueConfig } from '../../src/queues/config/settings.ts';
import { defineQueue, type Schedule } from '@holdfast/queue';
import { load, loadError } from './load.ts';

const url = 'https://example.com/';

/** A queue of holdfast.yaml as the configuration has it; `undefined` where it is refused. */
function configured(queue: object): QueueConfig | undefined {
  try {
    return load({}, stringify({ queues: { reports: { url, ...queue } } })).queues.byName['reports'];
  } catch (error) {
    if (error instanceof ConfigError) return undefined;
    throw error;
  }
}

/** Makes a queue of it, as a process does at its start. */
function define({ delivery: _delivery, schedule, retention, ...rest }: QueueConfig): void {
  const { data: _data, ...when } = schedule ?? { data: undefined };
  defineQueue({
    name: 'reports',
    description: '',
    payload: {},
    attempts: 1,
    timeoutMs: 1000,
    concurrency: 1,
    ...rest,
    ...('data' in (schedule ?? {}) && { schedule: when as Schedule }),
    retention: { completed: {}, failed: {}, ...retention },
  });
}

/** Whether a queue with such a schedule can be made. */
function isTaken(schedule: Schedule): boolean {
  try {
    define({ schedule: { ...schedule, data: {} } });
    return true;
  } catch {
    return false;
  }
}

const number = fc.integer({ min: 0, max: 70 }).map(String);
const word = fc.constantFrom(
  'MON',
  'sun',
  'JAN',
  'dec',
  'L',
  '5L',
  'W',
  '15W',
  '2#1',
  '5#9',
  '?',
  'H',
  'H/2',
  '2H',
  'HA',
);
const atom = fc.oneof({ weight: 6, arbitrary: number }, { weight: 2, arbitrary: word }, fc.constant('*'));
const item = fc.oneof(
  { weight: 6, arbitrary: atom },
  fc.tuple(atom, atom).map(([from, to]) => `${from}-${to}`),
  fc.tuple(atom, atom).map(([from, step]) => `${from}/${step}`),
  fc.tuple(atom, atom, atom).map(([from, to, step]) => `${from}-${to}/${step}`),
);
const list = fc.array(item, { minLength: 1, maxLength: 3 }).map((items) => items.join(','));
const few = fc.constantFrom('1', '1,7', '2-5', '*/2', '3-6/2', '?');
const field = fc.oneof({ weight: 5, arbitrary: few }, { weight: 3, arbitrary: item }, list);
const pattern = fc.oneof(
  { weight: 8, arbitrary: fc.array(field, { minLength: 5, maxLength: 6 }).map((fields) => fields.join(' ')) },
  fc.array(field, { maxLength: 8 }).map((fields) => fields.join('  ')),
  fc.stringMatching(/^[0-9A-Za-z*/,?#LW -]{0,40}$/),
  fc.constantFrom('@daily', '0 0 31 2 *', '0 0 29 2 *', '*/H * * * *', '1-H * * * *', '0 0 * * THU,H', ' 0  0 * * * '),
);
const zone = fc.oneof(
  fc.constantFrom(...Intl.supportedValuesOf('timeZone')),
  fc.constantFrom(
    'UTC',
    'utc',
    'europe/berlin',
    '+01:00',
    '-0330',
    'EST',
    'Etc/GMT+5',
    'Mars/Base',
    '',
    'GMT+1',
    'local',
  ),
  fc.string({ maxLength: 8 }),
);

describe('a queue that the configuration accepts can be made', () => {
  it('reads cron expressions with the very parser of the engine of the queues', () => {
    const ours = createRequire(import.meta.resolve('@holdfast/modules'));
    const queues = createRequire(import.meta.resolve('@holdfast/queue'));
    const theirs = createRequire(queues.resolve('bullmq'));
    expect(ours.resolve('cron-parser')).toBe(theirs.resolve('cron-parser'));
  });

  it('for each cron expression and time zone, and refuses none that the queue takes', () => {
    let accepted = 0;
    fc.assert(
      fc.property(pattern, fc.option(zone, { nil: undefined }), (text, tz) => {
        const schedule = { pattern: text, ...(tz !== undefined && { tz }) };
        const isAccepted = configured({ schedule }) !== undefined;
        expect(isAccepted, JSON.stringify(schedule)).toBe(isTaken(schedule));
        if (isAccepted) accepted += 1;
      }),
      { numRuns: 600 },
    );
    expect(accepted).toBeGreaterThan(20);
  });

  it('for each interval, and refuses none that the queue takes', () => {
    const edges = [0, 1, 999, 1000, 1001, 31_536_000_000, 31_536_000_001, -1, 1.5];
    fc.assert(
      fc.property(fc.oneof(fc.constantFrom(...edges), fc.maxSafeInteger()), (everyMs) => {
        expect(configured({ schedule: { every: everyMs } }) !== undefined, String(everyMs)).toBe(isTaken({ everyMs }));
      }),
    );
  });

  it('with each policy', () => {
    const duration = fc.oneof(
      { weight: 4, arbitrary: fc.integer({ min: 1000, max: 60_000 }) },
      {
        weight: 1,
        arbitrary: fc.constantFrom<string | number>(0, 1, '60s', '60001ms', '24h', '25h', '365d', '366d', '36501d'),
      },
    );
    const count = fc.oneof(
      { weight: 4, arbitrary: fc.integer({ min: 2, max: 100 }) },
      { weight: 1, arbitrary: fc.constantFrom(0, 1, 101, 1000, 1001, 1_000_000, 1_000_001) },
    );
    const optional = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined });
    const rule = optional(fc.record({ count, age: duration }, { requiredKeys: [] }));
    const policy = fc.record(
      {
        attempts: count,
        concurrency: count,
        maxCrashes: count,
        priority: fc.oneof(count, fc.constantFrom('high', 'low', 2_097_151, 2_097_152)),
        timeout: duration,
        waitingTtl: duration,
        backoff: fc.record(
          {
            type: fc.constantFrom('exponential', 'fixed'),
            delay: duration,
            maxDelay: duration,
            jitter: fc.double({ min: 0, max: 1, noNaN: true }),
          },
          { requiredKeys: ['type', 'delay'] },
        ),
        rateLimit: fc.record({ max: count, per: duration }),
        coalesce: fc.record({ field: fc.constantFrom('items', 'a.b'), maxItems: count, maxWait: duration }),
        retention: fc.record({ completed: rule, failed: rule }, { requiredKeys: [] }),
        schedule: fc.record({ every: duration }),
      },
      { requiredKeys: [] },
    );
    let accepted = 0;
    fc.assert(
      fc.property(policy, (queue) => {
        const config = configured(queue);
        if (config === undefined) return;
        accepted += 1;
        define(config);
      }),
      { numRuns: 400 },
    );
    expect(accepted).toBeGreaterThan(20);
  });

  it('and takes the jobs of its schedule', () => {
    const payload = { type: 'object', properties: { day: { type: 'string', minLength: 2 } }, required: ['day'] };
    const values = fc.oneof(fc.constantFrom<unknown>({ day: 'monday' }, { day: 1 }, {}, null, 5), fc.jsonValue());
    fc.assert(
      fc.property(values, fc.constantFrom(undefined, payload), (data, schema) => {
        const config = configured({ schedule: { every: '1m', data }, ...(schema && { payload: schema }) });
        if (config?.schedule === undefined) return;
        // As a queue does: it takes anything but null where it has no schema.
        const fits = schema === undefined ? config.schedule.data !== null : Compile(schema).Check(config.schedule.data);
        expect(fits).toBe(true);
      }),
    );
  });
});

describe('a schedule that the queue would refuse', () => {
  it.each([
    ['pattern: "99 * * * *"', 'pattern', 'no cron expression'],
    ['pattern: "* * * * FOO"', 'pattern', 'no cron expression'],
    ['pattern: "H 2 * * *"', 'pattern', 'without H'],
    ['pattern: "0 0 31 2 *"', 'pattern', 'no cron expression'],
    ['pattern: "0 0 31 4,6 *"', 'pattern', 'never comes'],
    ['pattern: "* * *"', 'pattern', '5 or 6 fields'],
    ['pattern: "0 6 * * *", tz: Mars/Base', 'tz', 'no time zone'],
    ['every: 999ms', 'every', 'at least 1000 ms'],
    ['every: 366d', 'every', 'at most 365d'],
    ['every: 1m, data: null', 'data', 'any JSON but null'],
  ])('is listed with the other problems: {%s}', (schedule, part, message) => {
    const { problems } = loadError({}, `queues: {reports: {url: "${url}", attempts: 0, schedule: {${schedule}}}}`);
    expect(problems.map(({ path }) => path)).toEqual(['queues.reports.attempts', `queues.reports.schedule.${part}`]);
    const [, problem] = problems;
    expect(`${problem?.message} (${problem?.allowed})`).toContain(message);
  });

  it('is one of a built-in schedule, too, where the payload of the file does not take its data', () => {
    const payload = '{type: object, properties: {shop: {type: string}}, required: [shop]}';
    const { problems } = loadError({}, `queues: {product-refresh: {url: "${url}", payload: ${payload}}}`);
    expect(problems.map(({ path }) => path)).toEqual(['queues.product-refresh.schedule.data']);
  });
});
