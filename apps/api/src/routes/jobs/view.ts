import { listedStates } from '@holdfast/queue';
import { Type } from 'typebox';

export const queueName = Type.String({ description: 'The queue.', examples: ['http-delivery'] });
export const jobId = Type.String({ minLength: 1, maxLength: 512, description: 'The job.', examples: ['order-7'] });

const jobState = Type.String({
  description: 'waiting, prioritized, active, delayed, completed, failed, waiting-children, outbox or unknown.',
});

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
});

/** What a change leaves a job in. */
export const jobStanding = Type.Object({ id: Type.String(), queue: Type.String(), state: jobState });

export const listedState = Type.Union(
  listedStates.map((state) => Type.Literal(state)),
  { description: `${listedStates.join(', ')}.` },
);

export const cursorOfPage = Type.Optional(Type.String({ maxLength: 1024, description: 'Of the page before.' }));
export const nextCursor = Type.Union([Type.String(), Type.Null()], { description: 'null after the last page.' });
