import { Type } from 'typebox';
import { maxNesting } from '../limits.ts';
import { durationText, durationValue, jsonResponse, problems, strictObject } from '../schema.ts';
import { jobId, jobView, queueName } from './job.ts';

export const jobOptions = strictObject({
  jobId: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description:
        'A second job with this id is not added. 1 to 128 of A-Z a-z 0-9 . _ ~ -, not only digits, not "." or "..".',
    }),
  ),
  priority: Type.Optional(
    Type.Union([Type.Literal('high'), Type.Literal('normal'), Type.Literal('low'), Type.Integer({ minimum: 1 })], {
      description: 'high, normal and low are 1, 10 and 100; a lower number runs first.',
    }),
  ),
  delay: Type.Optional(durationValue),
  attempts: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
  backoff: Type.Optional(
    strictObject({
      type: Type.Union([Type.Literal('fixed'), Type.Literal('exponential')]),
      delay: durationValue,
      maxDelay: Type.Optional(durationValue),
      jitter: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    }),
  ),
  timeout: Type.Optional(durationValue),
  waitingTtl: Type.Optional({
    ...durationValue,
    description: 'A job that could have run for so long and did not is not run any more; it fails with JOB_EXPIRED.',
  }),
  deduplication: Type.Optional(
    strictObject(
      {
        id: Type.String({ minLength: 1, maxLength: 128 }),
        mode: Type.Optional(
          Type.Union(
            [
              Type.Literal('simple'),
              Type.Literal('throttle'),
              Type.Literal('debounce'),
              Type.Literal('keepLastIfActive'),
              Type.Literal('reschedule'),
            ],
            {
              description: 'Default: `throttle` where there is a `ttl`, else `simple`: until the other job has ended.',
            },
          ),
        ),
        ttl: Type.Optional(durationValue),
      },
      { description: 'What becomes of this job while another one has the same id here.' },
    ),
  ),
});

/** A job as it comes over REST, alone or among many. */
export const newJob = strictObject(
  {
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    data: Type.Unknown({ description: `What the handler gets: up to 1 MiB, and ${maxNesting} levels of nesting.` }),
    options: Type.Optional(jobOptions),
  },
  {
    examples: [{ data: { url: 'https://example.com/hook', body: '{"hello":"world"}' }, options: { jobId: 'order-7' } }],
  },
);

const added = Type.Object({
  id: Type.String(),
  queue: Type.String(),
  state: Type.String(),
  duplicate: Type.Boolean(),
});

const kept = Type.Object({ id: Type.String(), queue: Type.String(), accepted: Type.Literal('outbox') });

export const addJob = {
  operationId: 'addJob',
  summary: 'Add a job',
  description:
    '`data` must fit the schema of the queue. A retry with the same `options.jobId` is safe as long as the queue keeps the job.',
  tags: ['jobs'],
  params: strictObject({ q: queueName }),
  body: newJob,
  response: {
    200: jsonResponse('A job with this id exists: nothing was added.', added),
    201: { ...jsonResponse('Added.', added), headers: { location: { type: 'string', description: 'The job.' } } },
    202: {
      ...jsonResponse(
        'Its Redis is away: the job is kept on the disk of this process, and added when it is back.',
        kept,
      ),
      headers: { location: { type: 'string', description: 'The job.' } },
    },
    ...problems(404, 413, 415, 422, 507),
  },
};

export const getJob = {
  operationId: 'getJob',
  summary: 'Follow a job',
  description:
    '`wait` answers as soon as the job has finished, at the latest after that time with its state by then. It tells the end also of a job that the queue keeps no longer: with `removeOnComplete`, or because others pushed it out.',
  tags: ['jobs'],
  params: strictObject({ q: queueName, id: jobId }),
  querystring: strictObject({
    wait: Type.Optional({
      ...durationText,
      description: 'How long to wait for its end, at most 30s.',
      examples: ['10s'],
    }),
  }),
  response: {
    200: jsonResponse('The job.', jobView),
    ...problems(404),
  },
};
