import { Type } from 'typebox';
import { durationValue, jsonResponse, problems, strictObject } from '../schema.ts';
import { queueName } from './job.ts';

/** As many as the queue takes in one call. */
const maxJobs = 10_000;
const count = Type.Integer({ minimum: 0 });

const item = Type.Object({
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
        Type.Unsafe<readonly { readonly path: string; readonly message: string }[]>(
          Type.Array(Type.Object({ path: Type.String(), message: Type.String() })),
        ),
      ),
    }),
  ),
});

export const addJobs = {
  operationId: 'addJobs',
  summary: 'Add many jobs',
  description: `At most ${maxJobs} jobs, and 8 MiB (or server.bodyLimitBytes, if that is more), each as for a single job. One that is not allowed is rejected alone, under its index. With \`spread\` the jobs become due one after another, evenly over that time. While the store is away each job is kept in the outbox, which the \`state\` of its item says, or rejected with OUTBOX_FULL; where none can be kept it is 503 as a whole. A job whose outcome is not known is rejected with QUEUE_OUTCOME_UNKNOWN and its id, under which it can be added again.`,
  tags: ['jobs'],
  params: strictObject({ q: queueName }),
  body: strictObject(
    {
      // Each is checked by itself (see bulk.ts): one that is wrong does not fail the rest.
      jobs: Type.Unsafe<readonly unknown[]>({ type: 'array', maxItems: maxJobs, items: {} }),
      spread: Type.Optional(durationValue),
    },
    { examples: [{ jobs: [{ data: { url: 'https://example.com/hook' } }], spread: '30s' }] },
  ),
  response: {
    200: jsonResponse(
      'One item for each job, in their order.',
      Type.Object({ accepted: count, duplicates: count, rejected: count, items: Type.Array(item) }),
    ),
    ...problems(404, 413, 415),
  },
};
