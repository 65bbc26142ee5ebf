import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Queues } from '@holdfast/queue';
import { getQueue, listQueues } from './schema.ts';

export const queueRoutes: FastifyPluginAsyncTypebox<{ readonly queues: Queues }> = async (app, { queues }) => {
  app.get('/v1/queues', { config: { access: 'jobs:read' }, schema: listQueues }, async () => ({
    queues: await queues.summaries(),
  }));

  app.get('/v1/queues/:q', { config: { access: 'jobs:read' }, schema: getQueue }, async ({ params }) =>
    queues.summary(params.q),
  );
};
