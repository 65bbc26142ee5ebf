import { Type } from 'typebox';
import type { CacheRegistry } from '@holdfast/cache';
import type { Queues } from '@holdfast/queue';
import type { Metrics } from '@holdfast/telemetry';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';

export interface MetricsOptions {
  readonly metrics: Metrics;
  readonly queues: Queues;
  readonly caches: CacheRegistry;
}

/** `/metrics`, and one observation a request under the template of its route: a URL would be a label without bound. */
export const metrics = fp<MetricsOptions>(
  async (app: FastifyInstance, { metrics, queues, caches }) => {
    app.observeExchanges({
      begun: () => metrics.httpInFlight(1),
      over: ({ request, reply, status }) => {
        metrics.httpInFlight(-1);
        metrics.http(request.routeOptions.url, request.method, status, reply.elapsedTime / 1000);
      },
    });

    // Apart: what cannot be read leaves the others as they are.
    const removals = [
      metrics.onScrape(async () => {
        for (const summary of await queues.summaries()) metrics.queue(summary.name, summary);
      }),
      metrics.onScrape(() => metrics.batches(queues.batchStats())),
      metrics.onScrape(() => {
        if (queues.outbox !== undefined) metrics.outbox(queues.outbox.status);
      }),
      metrics.onScrape(() => {
        if (caches.canStandIn) metrics.standIn(caches);
      }),
    ];
    app.addHook('onClose', async () => {
      for (const remove of removals) remove();
    });

    app.get(
      '/metrics',
      {
        config: { access: 'public' },
        schema: {
          operationId: 'getMetrics',
          summary: 'Metrics for Prometheus',
          tags: ['operations'],
          response: {
            200: { description: 'The text format.', content: { 'text/plain': { schema: Type.String() } } },
          },
        },
      },
      async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()),
    );
  },
  { name: 'metrics', dependencies: ['auth', 'exchanges'] },
);
