import type { Static } from 'typebox';
import { Type } from 'typebox';
import { answer, emptyAnswer } from './answers.ts';
import { Duration } from './durations.ts';
import { damaged, queueName } from './jobs/job.ts';
import { JobOptions } from './jobs/new-job.ts';
import { maxJobIdBytes } from './limits.ts';
import { bodyProblems, problems } from './problems.ts';
import { strictObject } from './requests.ts';
import { time } from './scalars.ts';

const tags = ['jobs'];
const params = strictObject({
  q: queueName,
  id: Type.String({
    minLength: 1,
    maxLength: maxJobIdBytes,
    description:
      'The schedule. A new one has 1 to 128 of A-Z a-z 0-9 . _ ~ -, and is not "." or ".."; one of another BullMQ program is named as it is listed.',
    examples: ['nightly'],
  }),
});

export const Schedule = Type.Object(
  {
    id: Type.String(),
    queue: Type.String(),
    pattern: Type.Optional(Type.String({ description: 'Cron, 5 or 6 fields.' })),
    tz: Type.Optional(Type.String({ description: 'An IANA time zone.' })),
    every: Type.Optional(Type.Integer({ description: 'Milliseconds.' })),
    paused: Type.Boolean(),
    next: Type.Union([time, Type.Null()], { description: 'null while it is paused.' }),
    upcoming: Type.Array(time, { description: 'The next runs, as far as they are known.' }),
    job: Type.Object({
      name: Type.String(),
      data: Type.Unknown(),
      options: Type.Optional(
        Type.Object({}, { additionalProperties: true, description: 'Durations in milliseconds.' }),
      ),
    }),
    damaged,
  },
  { title: 'Schedule', description: 'Has `pattern` and `tz`, or `every`.' },
);
export type Schedule = Static<typeof Schedule>;

export const Schedules = Type.Object({ schedules: Type.Array(Schedule) }, { title: 'Schedules' });
export type Schedules = Static<typeof Schedules>;

const example: Schedule = {
  id: 'nightly',
  queue: 'http-delivery',
  pattern: '0 2 * * *',
  tz: 'Europe/Berlin',
  paused: false,
  next: '2026-01-01T01:00:00.000Z',
  upcoming: ['2026-01-01T01:00:00.000Z', '2026-01-02T01:00:00.000Z'],
  job: { name: 'http-delivery', data: { url: 'https://example.com/hook' } },
};

export const NewSchedule = strictObject(
  {
    pattern: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    tz: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
    every: Type.Optional(Duration),
    job: strictObject({
      name: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
      data: Type.Unknown({ description: 'Fits the schema of the queue.' }),
      options: Type.Optional(JobOptions),
    }),
    paused: Type.Optional(Type.Boolean({ description: 'Default: false.' })),
  },
  {
    title: 'NewSchedule',
    examples: [{ pattern: '0 2 * * *', tz: 'Europe/Berlin', job: { data: { url: 'https://example.com/hook' } } }],
  },
);
export type NewSchedule = Static<typeof NewSchedule>;

export const listSchedules = {
  operationId: 'listSchedules',
  summary: 'Schedules of a queue',
  description: 'Those that the configuration declares, those that were made here, and those of other BullMQ programs.',
  tags,
  params: strictObject({ q: queueName }),
  response: {
    200: answer('In the order of their ids.', Schedules, { schedules: [example] }),
    ...problems('QUEUE_UNKNOWN', 'QUEUE_UNAVAILABLE'),
  },
};

export const getSchedule = {
  operationId: 'getSchedule',
  summary: 'One schedule',
  description: 'With its job, and its next runs as far as they are known.',
  tags,
  params,
  response: {
    200: answer('With its next runs.', Schedule, example),
    ...problems('QUEUE_UNKNOWN', 'SCHEDULE_NOT_FOUND', 'QUEUE_UNAVAILABLE'),
  },
};

export const putSchedule = {
  operationId: 'putSchedule',
  summary: 'Make a schedule be so',
  description:
    'Either `pattern` (cron, 5 or 6 fields) with `tz` (default UTC), or `every` (1s to 365d). It holds over what the configuration declares under this id until that changes. The options of the job are those of a single job, without `jobId`, `delay` and `deduplication`.',
  tags,
  params,
  body: NewSchedule,
  response: {
    200: answer('As it is now.', Schedule, example),
    ...problems(
      ...bodyProblems,
      'JOB_OPTIONS_INVALID',
      'QUEUE_UNKNOWN',
      'JOB_TOO_LARGE',
      'JOB_INVALID',
      'QUEUE_UNAVAILABLE',
      'QUEUE_OUTCOME_UNKNOWN',
    ),
  },
};

export const deleteSchedule = {
  operationId: 'deleteSchedule',
  summary: 'Remove a schedule',
  description:
    'And the job that it would have made next. One that is declared in the configuration stays away until its declaration changes.',
  tags,
  params,
  response: {
    204: emptyAnswer('Removed.'),
    ...problems(
      'QUEUE_UNKNOWN',
      'SCHEDULE_NOT_FOUND',
      'UNSUPPORTED_MEDIA_TYPE',
      'QUEUE_UNAVAILABLE',
      'QUEUE_OUTCOME_UNKNOWN',
    ),
  },
};
