import type { Static } from 'typebox';
import { Type } from 'typebox';
import { answer } from '../answers.ts';
import { Duration } from '../durations.ts';
import { bodyProblems, FieldIssue, problems } from '../problems.ts';
import { strictObject } from '../requests.ts';
import { count } from '../scalars.ts';
import { queueName } from './job.ts';

/** As many as the queue takes in one call. */
const maxJobs = 10_000;

export const AddedJobItem = Type.Object(
  {
    index: Type.Integer({ minimum: 0, description: 'Of the job in the request.' }),
    id: Type.Optional(Type.String()),
    status: Type.Union([Type.Literal('accepted'), Type.Literal('duplicate'), Type.Literal('rejected')]),
    state: Type.Optional(
      Type.Literal('outbox', {
        description: 'Its Redis is away: the job is kept on the disk of this process, and added when it is back.',
      }),
    ),
    error: Type.Optional(
      Type.Object({
        code: Type.String(),
        detail: Type.String(),
        errors: Type.Optional(
          Type.Unsafe<readonly { readonly path: string; readonly message: string }[]>(Type.Array(FieldIssue)),
        ),
      }),
    ),
  },
  { title: 'AddedJobItem', description: 'What became of one of many jobs.' },
);
export type AddedJobItem = Static<typeof AddedJobItem>;

export const AddedJobs = Type.Object(
  { accepted: count, duplicates: count, rejected: count, items: Type.Array(AddedJobItem) },
  { title: 'AddedJobs' },
);
export type AddedJobs = Static<typeof AddedJobs>;

export const addJobs = {
  operationId: 'addJobs',
  summary: 'Add many jobs',
  description: `At most ${maxJobs} jobs, and 8 MiB (or server.bodyLimitBytes, if that is more), each as for a single job. One that is not allowed is rejected alone, under its index. With \`spread\` the jobs become due one after another, evenly over that time. While the store is away each job is kept in the outbox, which the \`state\` of its item says, or rejected with OUTBOX_FULL; where none can be kept it is 503 as a whole. A job whose outcome is not known is rejected with QUEUE_OUTCOME_UNKNOWN and its id, under which it can be added again.`,
  tags: ['jobs'],
  params: strictObject({ q: queueName }),
  body: strictObject(
    {
      // The route checks each by itself: one that is wrong does not fail the rest.
      jobs: Type.Unsafe<readonly unknown[]>({ type: 'array', maxItems: maxJobs, items: {} }),
      spread: Type.Optional(Duration),
    },
    { examples: [{ jobs: [{ data: { url: 'https://example.com/hook' } }], spread: '30s' }] },
  ),
  response: {
    200: answer('One item for each job, in their order.', AddedJobs, {
      accepted: 1,
      duplicates: 0,
      rejected: 1,
      items: [
        { index: 0, id: 'order-7', status: 'accepted' },
        {
          index: 1,
          status: 'rejected',
          error: {
            code: 'JOB_INVALID',
            detail: 'The data does not fit the schema of the queue.',
            errors: [{ path: '/data/url', message: 'must match format "uri"' }],
          },
        },
      ],
    }),
    ...problems(...bodyProblems, 'QUEUE_UNKNOWN', 'QUEUE_UNAVAILABLE', 'OUTBOX_FULL'),
  },
};
