import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import {
  cleanQueue,
  drainQueue,
  getPayloadSchema,
  getQueue,
  listQueues,
  pauseQueue,
  resumeQueue,
} from '@holdfast/contract';
import type { Queues } from '@holdfast/queue';
import { durationAt } from '../../http/durations.ts';
import { payloadSchemaOf } from './payload-schema.ts';

export const queueRoutes: FastifyPluginAsyncTypebox<{ readonly queues: Queues }> = async (app, { queues }) => {
  const read = { access: 'jobs:read' } as const;
  const write = { access: 'jobs:write' } as const;
  const bulk = { ...write, load: 'bulk' } as const;

  app.get('/v1/queues', { config: read, schema: listQueues }, async () => ({ queues: await queues.summaries() }));

  app.get('/v1/queues/:q', { config: read, schema: getQueue }, async ({ params }) => queues.summary(params.q));

  app.get('/v1/queues/:q/schema', { config: read, schema: getPayloadSchema }, async ({ params }) =>
    payloadSchemaOf(queues.definition(params.q)),
  );

  app.post('/v1/queues/:q/pause', { config: write, schema: pauseQueue }, async ({ params }) => {
    await queues.admin.pause(params.q);
    return queues.summary(params.q);
  });

  app.post('/v1/queues/:q/resume', { config: write, schema: resumeQueue }, async ({ params }) => {
    await queues.admin.resume(params.q);
    return queues.summary(params.q);
  });

  app.post('/v1/queues/:q/drain', { config: bulk, schema: drainQueue }, async ({ params, body, ended }) => {
    const delayed = (body as { readonly delayed?: boolean } | null)?.delayed ?? false;
    return { removed: await queues.admin.drain(params.q, { delayed, signal: ended }) };
  });

  app.post('/v1/queues/:q/clean', { config: bulk, schema: cleanQueue }, async ({ params, body, ended }) => {
    const { state, olderThan, limit } = body;
    const removed = await queues.admin.clean(params.q, {
      state,
      signal: ended,
      ...(olderThan !== undefined && { olderThanMs: durationAt('/olderThan', olderThan) }),
      ...(limit !== undefined && { limit }),
    });
    return { removed };
  });
};
