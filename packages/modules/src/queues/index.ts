import type { Module, NoNeeds } from '../module.ts';
import { queuesConfig, type QueuesSettings } from './config/settings.ts';
import { createQueues, type QueuesPart } from './create.ts';

/** Queues with their jobs and schedules, and the delivery of jobs over HTTP. */
export const queuesModule: Module<'queues', QueuesSettings, NoNeeds, QueuesPart> = {
  name: 'queues',
  needs: {},
  config: queuesConfig,
  create: createQueues,
  handlers: async () => import('./handlers/index.ts'),
  metrics: (metrics, { part: { queues } }) => {
    // Apart: what cannot be read leaves the others as they are.
    const removals = [
      metrics.onScrape(async () => {
        for (const summary of await queues.summaries()) metrics.queue(summary.name, summary);
      }),
      metrics.onScrape(() => metrics.batches(queues.batchStats())),
      metrics.onScrape(() => {
        if (queues.outbox !== undefined) metrics.outbox(queues.outbox.status);
      }),
    ];
    return () => removals.forEach((remove) => remove());
  },
  health: ({ queues, backend }) => {
    const { available, reason, fault } = backend.status;
    const whyNot = { ...(reason === undefined ? {} : { reason }), ...(fault === undefined ? {} : { fault }) };
    return {
      isHealthy: available,
      fields: {
        queues: { available, backend: backend.kind, names: queues.names(), ...whyNot },
        outbox: queues.outbox?.status ?? null,
      },
    };
  },
  close: async ({ queues }) => queues.close(),
};
