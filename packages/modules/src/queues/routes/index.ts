import type { FastifyInstance } from 'fastify';
import type { NoNeeds, Running } from '../../module.ts';
import type { QueuesSettings } from '../config/settings.ts';
import type { QueuesPart } from '../create.ts';
import { batchStatsRoutes } from './batch-stats.ts';
import { bulkJobRoutes } from './bulk-jobs.ts';
import { deadLetterRoutes } from './dead-letters.ts';
import { jobEventRoutes } from './job-events.ts';
import { jobRoutes } from './jobs.ts';
import { manageJobRoutes } from './manage-jobs.ts';
import { queueRoutes } from './queues.ts';
import { scheduleRoutes } from './schedules.ts';

export async function routes(
  app: FastifyInstance,
  { config, part }: Running<QueuesSettings, NoNeeds, QueuesPart>,
): Promise<void> {
  const { queues } = part;
  const { requestTimeoutMs, bodyLimitBytes, jobLimitBytes } = config.server;
  await app.register(queueRoutes, { queues });
  await app.register(jobRoutes, { queues, jobLimitBytes, maxWaitMs: Math.max(0, requestTimeoutMs - 1000) });
  await app.register(manageJobRoutes, { queues });
  await app.register(bulkJobRoutes, { queues, bodyLimitBytes, jobLimitBytes });
  await app.register(jobEventRoutes, { queues, heartbeatMs: Math.min(15_000, requestTimeoutMs) });
  await app.register(scheduleRoutes, { queues, jobLimitBytes });
  await app.register(deadLetterRoutes, { queues, bodyLimitBytes });
  await app.register(batchStatsRoutes, { queues });
}
