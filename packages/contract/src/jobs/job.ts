import type { Static } from 'typebox';
import { Type } from 'typebox';
import { maxJobIdBytes } from '../limits.ts';
import { oneOf, time } from '../scalars.ts';

/** The states that jobs are listed by, in the order in which a list of all of them goes. */
export const listedStates = [
  'active',
  'waiting',
  'prioritized',
  'delayed',
  'waiting-children',
  'failed',
  'completed',
] as const;

export const queueName = Type.String({ description: 'The queue.', examples: ['http-delivery'] });
export const jobId = Type.String({
  minLength: 1,
  maxLength: maxJobIdBytes,
  description:
    'The job, as a list tells its id: those of other BullMQ programs can be any text of up to 4096 bytes. Percent-encode it.',
  examples: ['order-7'],
});

export const JobState = oneOf(
  ['waiting', 'prioritized', 'active', 'delayed', 'completed', 'failed', 'waiting-children', 'outbox', 'unknown'],
  {
    title: 'JobState',
    description:
      '`prioritized` waits with a priority; `outbox` is kept on the disk of a process while the store is away; `unknown` is gone.',
  },
);
export type JobState = Static<typeof JobState>;

/** Other programs use the same queues, and stores lose things: such a job is told with the others, as far as it goes. */
export const damaged = Type.Optional(
  Type.Unsafe<readonly string[]>(
    Type.Array(Type.String(), {
      description:
        'Absent where all is well: the fields that are missing in the store, or cannot be read there. They are shown as the text that is there, or as nothing.',
    }),
  ),
);

/** Why a job failed. */
export const JobError = Type.Object(
  {
    code: Type.String({ description: 'One of those of the errors, or of the handler.', examples: ['JOB_FAILED'] }),
    message: Type.String(),
  },
  { title: 'JobError' },
);
export type JobError = Static<typeof JobError>;

/** A job, as all routes show it. */
export const Job = Type.Object(
  {
    id: Type.String(),
    queue: Type.String(),
    name: Type.String(),
    state: JobState,
    data: Type.Unknown(),
    result: Type.Optional(Type.Unknown({ description: 'What the handler returned, once it is `completed`.' })),
    error: Type.Optional(JobError),
    progress: Type.Unknown({ description: 'What the handler told last; 0 before.' }),
    attemptsMade: Type.Integer(),
    createdAt: time,
    startedAt: Type.Optional(time),
    finishedAt: Type.Optional(time),
    logs: Type.Optional(
      Type.Unsafe<readonly string[]>(
        Type.Array(Type.String(), { description: 'The newest lines, oldest first; absent where there are none.' }),
      ),
    ),
    damaged,
  },
  { title: 'Job' },
);
export type Job = Static<typeof Job>;

/** What a change leaves a job in. */
export const JobStanding = Type.Object(
  { id: Type.String(), queue: Type.String(), state: JobState },
  { title: 'JobStanding' },
);
export type JobStanding = Static<typeof JobStanding>;

export const listedState = Type.Union(
  listedStates.map((state) => Type.Literal(state)),
  { description: `${listedStates.join(', ')}.` },
);

export const exampleJob: Job = {
  id: 'order-7',
  queue: 'http-delivery',
  name: 'http-delivery',
  state: 'completed',
  data: { url: 'https://example.com/hook', body: '{"hello":"world"}' },
  result: { status: 204, headers: {}, body: '', durationMs: 41 },
  progress: 0,
  attemptsMade: 1,
  createdAt: '2026-01-01T00:00:00.000Z',
  startedAt: '2026-01-01T00:00:00.004Z',
  finishedAt: '2026-01-01T00:00:00.046Z',
};
