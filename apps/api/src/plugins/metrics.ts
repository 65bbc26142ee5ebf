import { Type } from 'typebox';
import type { CacheRegistry } from '@holdfast/cache';
import type { Queues } from '@holdfast/queue';
import type { Metrics } from '@holdfast/telemetry';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';

declare module 'fastify' {
  interface FastifyRequest {
    /** Whether it has arrived and was not counted as answered, or gone, yet. */
    isInFlight: boolean;
  }
}

export interface MetricsOptions {
  readonly metrics: Metrics;
  readonly queues: Queues;
  readonly caches: CacheRegistry;
}

/** `/metrics`, and one observation a request under the template of its route: a URL would be a label without bound. */
export const metrics = fp<MetricsOptions>(
  async (app: FastifyInstance, { metrics, queues, caches }) => {
    app.decorateRequest('isInFlight', false);
    const left = (request: FastifyRequest): void => {
      if (!request.isInFlight) return;
      request.isInFlight = false;
      metrics.httpInFlight(-1);
    };
    app.addHook('onRequest', (request, _reply, done) => {
      request.isInFlight = true;
      metrics.httpInFlight(1);
      done();
    });
    // `onResponse` does not come for a caller that went away. Both hooks cost less than a listener of each request.
    app.addHook('onRequestAbort', (request, done) => {
      left(request);
      done();
    });
    app.addHook('onResponse', (request, reply, done) => {
      left(request);
      metrics.http(request.routeOptions.url, request.method, reply.statusCode, reply.elapsedTime / 1000);
      done();
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
  { name: 'metrics', dependencies: ['auth'] },
);
