import { Type } from 'typebox';
import { maxCursorLength, maxJobIdBytes } from '../limits.ts';

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

const jobState = Type.String({
  description: 'waiting, prioritized, active, delayed, completed, failed, waiting-children, outbox or unknown.',
});

/** Other programs use the same queues, and stores lose things: such a job is told with the others, as far as it goes. */
export const damaged = Type.Optional(
  Type.Unsafe<readonly string[]>(
    Type.Array(Type.String(), {
      description:
        'Absent where all is well: the fields that are missing in the store, or cannot be read there. They are shown as the text that is there, or as nothing.',
    }),
  ),
);

/** A job, as all routes show it. */
export const jobView = Type.Object({
  id: Type.String(),
  queue: Type.String(),
  name: Type.String(),
  state: jobState,
  data: Type.Unknown(),
  result: Type.Optional(Type.Unknown()),
  error: Type.Optional(Type.Object({ code: Type.String(), message: Type.String() })),
  progress: Type.Unknown(),
  attemptsMade: Type.Integer(),
  createdAt: Type.String(),
  startedAt: Type.Optional(Type.String()),
  finishedAt: Type.Optional(Type.String()),
  logs: Type.Optional(Type.Unsafe<readonly string[]>(Type.Array(Type.String()))),
  damaged,
});

/** What a change leaves a job in. */
export const jobStanding = Type.Object({ id: Type.String(), queue: Type.String(), state: jobState });

export const listedState = Type.Union(
  listedStates.map((state) => Type.Literal(state)),
  { description: `${listedStates.join(', ')}.` },
);

export const cursorOfPage = Type.Optional(
  Type.String({ maxLength: maxCursorLength, description: 'Of the page before.' }),
);
export const nextCursor = Type.Union([Type.String(), Type.Null()], { description: 'null after the last page.' });
