import { duration, field, flag, says, section, share, wholeNumber } from '@holdfast/config/part';
import { Type } from 'typebox';
import type { Static, TObject } from 'typebox';
import { builtInQueueNames } from './built-in-queues.ts';
import { queueName } from './queue-name.ts';

const retention = section(
  {
    count: Type.Optional(wholeNumber(1, 1_000_000, 'How many are kept.')),
    age: Type.Optional(duration('How long each is kept, 1s to 36500d.')),
  },
  'What is kept of finished jobs.',
);

/** What can be said of every queue. */
const policy = {
  enabled: Type.Optional(
    flag(
      'Whether the queue is there. One that is turned off takes no jobs (404 QUEUE_DISABLED) and runs none; those that it has stay, and run when it is on again. Default: true.',
    ),
  ),
  attempts: Type.Optional(wholeNumber(1, 100, 'How often a job is tried.')),
  maxCrashes: Type.Optional(
    wholeNumber(
      1,
      100,
      'A job that was running this many times when its worker died (SIGKILL, out of memory) fails with JOB_CRASHED_WORKER, whatever attempts it has left. Default: 5.',
    ),
  ),
  backoff: Type.Optional(
    section(
      {
        type: Type.Enum(['exponential', 'fixed'], says('exponential or fixed', 'Whether the wait grows.')),
        delay: duration('The wait before the second attempt.'),
        maxDelay: Type.Optional(duration('The longest wait. Default: 1h.')),
        jitter: Type.Optional(share('The part of the wait that is random. Default: 0.5, for fixed waits 0.')),
      },
      'The wait before the next attempt; at most 24h.',
    ),
  ),
  priority: Type.Optional(
    Type.Union(
      [Type.Enum(['high', 'normal', 'low']), Type.Integer({ minimum: 1, maximum: 2_097_151 })],
      says('high, normal, low, or a whole number from 1 to 2097151', 'Of a job that says nothing else.'),
    ),
  ),
  concurrency: Type.Optional(wholeNumber(1, 1000, 'How many jobs of the queue a worker runs at once.')),
  rateLimit: Type.Optional(
    section(
      {
        max: wholeNumber(1, 1_000_000, 'How many jobs may start.'),
        per: duration('In such a time, over all workers; at most 24h.'),
      },
      'How many jobs may start in a time, over all workers.',
    ),
  ),
  timeout: Type.Optional(duration('How long one attempt may take; at most 24h.')),
  waitingTtl: Type.Optional(
    duration('A job that waited longer for its first run fails with JOB_EXPIRED instead; at most 365d.'),
  ),
  retention: Type.Optional(
    section(
      { completed: Type.Optional(retention), failed: Type.Optional(retention) },
      'What is kept of finished jobs.',
    ),
  ),
} as const;

const overrides = section(policy, 'A built-in queue, changed.');

const url = (description: string) =>
  Type.String({
    pattern: String.raw`^[hH][tT][tT][pP][sS]?://[^\s/?#@]+([/?#]\S*)?$`,
    maxLength: 2048,
    ...says('an http:// or https:// URL without user and password', description),
  });

const declared = section(
  {
    ...policy,
    url: Type.Optional(url('Where its jobs are delivered; it may be a private address. Required.')),
    description: Type.Optional(
      Type.String({ maxLength: 500, ...says('a text of at most 500 characters', 'What it is for.') }),
    ),
    method: Type.Optional(
      Type.Enum(['POST', 'PUT', 'PATCH'], says('POST, PUT or PATCH', 'Of each request. Default: POST.')),
    ),
    headers: Type.Optional(
      Type.Record(
        Type.String({ pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$" }),
        Type.String({
          pattern: String.raw`^[\t\x20-\x7e\x80-\xff]*$`,
          maxLength: 4096,
          ...says('text of at most 4096 characters, without line breaks', 'Sent with each request. Not for secrets.'),
        }),
        {
          additionalProperties: false,
          ...says('a mapping of header names', 'Sent with each request. Not for secrets.'),
        },
      ),
    ),
    secrets: Type.Optional(
      Type.Array(Type.String({ pattern: '^[A-Z][A-Z0-9_]{0,127}$' }), {
        minItems: 1,
        maxItems: 5,
        uniqueItems: true,
        ...says(
          'a list of 1 to 5 names of environment variables',
          'Names of the variables (or, with `_FILE` behind, of the files) whose secrets sign each request, one signature each. Default: WEBHOOK_SECRET and WEBHOOK_SECRET_PREVIOUS.',
        ),
      }),
    ),
    failureUrl: Type.Optional(url('Told when a job has failed for good; it may be a private address.')),
    payload: Type.Optional(
      Type.Unknown(says('a JSON Schema', 'JSON Schema of the data of its jobs. Default: any JSON.')),
    ),
    coalesce: Type.Optional(
      section(
        {
          field: field('Field of the data with an array: jobs that are alike in all else become one.'),
          maxItems: wholeNumber(2, 1000, 'Elements of one job. `payload` must allow so many.'),
          maxWait: duration('How long one waits for others to come; at most 60s.'),
        },
        'Makes one job of many.',
      ),
    ),
    schedule: Type.Optional(
      section(
        {
          every: Type.Optional(duration('Adds a job each time that so much has passed: 1s to 365d.')),
          pattern: Type.Optional(
            Type.String({
              pattern: String.raw`^\s*[0-9A-Za-z*/,?#LW-]+(\s+[0-9A-Za-z*/,?#LW-]+){4,5}\s*$`,
              maxLength: 200,
              ...says(
                'a cron expression of 5 or 6 fields',
                'Adds a job at these times: a cron expression of 5 fields, or of 6 with the second first. `H` is not one: it would be another time in each process.',
              ),
            }),
          ),
          tz: Type.Optional(
            Type.String({
              maxLength: 64,
              ...says('the name of a time zone, such as Europe/Berlin', 'Of `pattern`. Default: UTC.'),
            }),
          ),
          data: Type.Optional(Type.Unknown(says('any JSON that fits `payload`', 'Of its jobs. Default: `{}`.'))),
        },
        'Adds jobs by itself: `every` or `pattern`.',
      ),
    ),
  },
  'A queue of your own, whose jobs are delivered over HTTP.',
);

export type FileQueue = Static<typeof declared>;

/** The built-in ones with what can be changed of them, and any others. */
export const queuesSchema: TObject = Type.Object(
  Object.fromEntries(builtInQueueNames.map((name) => [name, Type.Optional(overrides)])),
  {
    patternProperties: { [queueName.source]: declared },
    additionalProperties: false,
    ...says(
      'a mapping of names: lower-case letters, digits and "-"',
      'The built-in queues, changed, and queues of your own.',
    ),
  },
);
