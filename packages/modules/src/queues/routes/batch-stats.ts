import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { getBatchStats } from '@holdfast/contract';
import type { Queues } from '@holdfast/queue';

export const batchStatsRoutes: FastifyPluginAsyncTypebox<{ readonly queues: Queues }> = async (app, { queues }) => {
  app.get('/api/batches/stats', { config: { access: 'jobs:read' }, schema: getBatchStats }, async () =>
    queues.batchStats(),
  );
};
