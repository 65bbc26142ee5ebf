import type { Module, NoNeeds } from '../module.ts';
import { queuesPart } from './config/part.ts';
import type { QueuesSettings } from './config/settings.ts';
import { createQueues, type QueuesPart } from './create.ts';
import { queueMetrics } from './metrics/index.ts';

/** So long the status says that the store of the queues was emptied, or the event loop stuck; a field does for ever. */
const newsMs = 600_000;

/** Queues with their jobs and schedules, and the delivery of jobs over HTTP. */
export const queuesModule: Module<'queues', QueuesSettings, NoNeeds, QueuesPart> = {
  name: 'queues',
  needs: {},
  config: queuesPart,
  create: createQueues,
  routes: async () => import('./routes/index.ts'),
  handlers: async () => import('./handlers/index.ts'),
  metrics: queueMetrics,
  health: ({ queues, backend, loop: { latest: stuck } }) => {
    const { available, reason, fault, emptiedAt } = backend.status;
    const whyNot = { ...(reason === undefined ? {} : { reason }), ...(fault === undefined ? {} : { fault }) };
    const outbox = queues.outbox?.status ?? null;
    return {
      // An outage that begins now would be one without an outbox.
      isHealthy: available && outbox?.accepting !== false,
      isDegraded: isNews(emptiedAt) || isNews(stuck?.endedAt),
      fields: {
        queues: {
          available,
          backend: backend.kind,
          names: queues.names(),
          ...whyNot,
          ...(stuck !== undefined && {
            stuckLoop: { ...stuck, endedAt: new Date(stuck.endedAt).toISOString() },
          }),
          ...(emptiedAt !== undefined && { emptiedAt: new Date(emptiedAt).toISOString() }),
        },
        outbox,
      },
    };
  },
  connections: ({ backend }) => ({ queue: backend }),
  kept: ({ queues }) => queues.outbox?.size ?? 0,
  close: async ({ queues, loop }) => {
    loop.close();
    await queues.close();
  },
};

function isNews(at: number | undefined): boolean {
  return at !== undefined && Date.now() - at < newsMs;
}
