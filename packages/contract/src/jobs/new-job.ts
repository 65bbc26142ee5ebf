import type { Static } from 'typebox';
import { Type } from 'typebox';
import { Duration } from '../durations.ts';
import { maxNesting } from '../limits.ts';
import { strictObject } from '../requests.ts';

export const JobOptions = strictObject(
  {
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
    delay: Type.Optional(Duration),
    attempts: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
    backoff: Type.Optional(
      strictObject({
        type: Type.Union([Type.Literal('fixed'), Type.Literal('exponential')]),
        delay: Duration,
        maxDelay: Type.Optional(Duration),
        jitter: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
      }),
    ),
    timeout: Type.Optional(Duration),
    waitingTtl: Type.Optional({
      ...Duration,
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
                description:
                  'Default: `throttle` where there is a `ttl`, else `simple`: until the other job has ended.',
              },
            ),
          ),
          ttl: Type.Optional(Duration),
        },
        { description: 'What becomes of this job while another one has the same id here.' },
      ),
    ),
  },
  { title: 'JobOptions' },
);
export type JobOptions = Static<typeof JobOptions>;

/** A job as it comes over REST, alone or among many. */
export const NewJob = strictObject(
  {
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    data: Type.Unknown({ description: `What the handler gets: up to 1 MiB, and ${maxNesting} levels of nesting.` }),
    options: Type.Optional(JobOptions),
  },
  {
    title: 'NewJob',
    examples: [{ data: { url: 'https://example.com/hook', body: '{"hello":"world"}' }, options: { jobId: 'order-7' } }],
  },
);
export type NewJob = Static<typeof NewJob>;
