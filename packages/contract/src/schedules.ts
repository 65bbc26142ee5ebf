import { Type } from 'typebox';
import { maxJobIdBytes } from './limits.ts';
import { durationValue, emptyResponse, jsonResponse, problems, strictObject } from './schema.ts';
import { jobOptions } from './jobs/add.ts';
import { damaged, queueName } from './jobs/job.ts';

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

const schedule = Type.Object({
  id: Type.String(),
  queue: Type.String(),
  pattern: Type.Optional(Type.String()),
  tz: Type.Optional(Type.String()),
  every: Type.Optional(Type.Integer({ description: 'Milliseconds.' })),
  paused: Type.Boolean(),
  next: Type.Union([Type.String(), Type.Null()], { description: 'null while it is paused.' }),
  upcoming: Type.Array(Type.String(), { description: 'The next runs, as far as they are known.' }),
  job: Type.Object({
    name: Type.String(),
    data: Type.Unknown(),
    options: Type.Optional(Type.Object({}, { additionalProperties: true, description: 'Durations in milliseconds.' })),
  }),
  damaged,
});

export const listSchedules = {
  operationId: 'listSchedules',
  summary: 'Schedules of a queue',
  tags,
  params: strictObject({ q: queueName }),
  response: {
    200: jsonResponse('In the order of their ids.', Type.Object({ schedules: Type.Array(schedule) })),
    ...problems(404),
  },
};

export const getSchedule = {
  operationId: 'getSchedule',
  summary: 'One schedule',
  tags,
  params,
  response: { 200: jsonResponse('With its next runs.', schedule), ...problems(404) },
};

export const putSchedule = {
  operationId: 'putSchedule',
  summary: 'Make a schedule be so',
  description:
    'Either `pattern` (cron, 5 or 6 fields) with `tz` (default UTC), or `every` (1s to 365d). It holds over what the configuration declares under this id until that changes. The options of the job are those of a single job, without `jobId`, `delay` and `deduplication`.',
  tags,
  params,
  body: strictObject(
    {
      pattern: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
      tz: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
      every: Type.Optional(durationValue),
      job: strictObject({
        name: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
        data: Type.Unknown({ description: 'Fits the schema of the queue.' }),
        options: Type.Optional(jobOptions),
      }),
      paused: Type.Optional(Type.Boolean({ description: 'Default: false.' })),
    },
    {
      examples: [{ pattern: '0 2 * * *', tz: 'Europe/Berlin', job: { data: { url: 'https://example.com/hook' } } }],
    },
  ),
  response: { 200: jsonResponse('As it is now.', schedule), ...problems(404, 413, 415, 422) },
};

export const deleteSchedule = {
  operationId: 'deleteSchedule',
  summary: 'Remove a schedule',
  description:
    'And the job that it would have made next. One that is declared in the configuration stays away until its declaration changes.',
  tags,
  params,
  response: { 204: emptyResponse('Removed.'), ...problems(404, 415) },
};
