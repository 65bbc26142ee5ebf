import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { cancelJob, listJobs, promoteJob, removeJob, retryJob } from '@holdfast/contract';
import type { Queues } from '@holdfast/queue';
import { jobNotFound } from './job-not-found.ts';

/** Looking through the jobs of a queue, and changing what becomes of one. */
export const manageJobRoutes: FastifyPluginAsyncTypebox<{ readonly queues: Queues }> = async (app, { queues }) => {
  const read = { access: 'jobs:read' } as const;
  const write = { access: 'jobs:write' } as const;
  const standing = async (queue: string, id: string) => {
    const job = await queues.get(queue, id);
    return { id, queue, state: job?.state ?? 'unknown' };
  };

  app.get('/v1/queues/:q/jobs', { config: { ...read, load: 'bulk' }, schema: listJobs }, async ({ params, query }) => {
    const { state, name, cursor, limit } = query;
    const { jobs, cursor: next } = await queues.admin.list(params.q, {
      ...(state !== undefined && { state }),
      ...(name !== undefined && { name }),
      ...(cursor !== undefined && { cursor }),
      ...(limit !== undefined && { limit }),
    });
    return { jobs: [...jobs], cursor: next };
  });

  app.delete('/v1/queues/:q/jobs/:id', { config: write, schema: removeJob }, async ({ params }, reply) => {
    if (!(await queues.admin.remove(params.q, params.id))) throw jobNotFound();
    return reply.code(204).send(null);
  });

  app.post('/v1/queues/:q/jobs/:id/retry', { config: write, schema: retryJob }, async ({ params }) => {
    if (!(await queues.admin.retry(params.q, params.id))) throw jobNotFound();
    return standing(params.q, params.id);
  });

  app.post('/v1/queues/:q/jobs/:id/cancel', { config: write, schema: cancelJob }, async ({ params, body }) => {
    const reason = (body as { readonly reason?: string } | null)?.reason;
    if ((await queues.cancel(params.q, params.id, reason)) === undefined) throw jobNotFound();
    return standing(params.q, params.id);
  });

  app.post('/v1/queues/:q/jobs/:id/promote', { config: write, schema: promoteJob }, async ({ params }) => {
    if (!(await queues.admin.promote(params.q, params.id))) throw jobNotFound();
    return standing(params.q, params.id);
  });
};
