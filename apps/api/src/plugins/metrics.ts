import { getMetrics } from '@holdfast/contract';
import type { Metrics } from '@holdfast/telemetry';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';

export interface MetricsOptions {
  readonly metrics: Metrics;
}

/** `/metrics`, and one observation a request under the template of its route: a URL would be a label without bound. */
export const metrics = fp<MetricsOptions>(
  async (app: FastifyInstance, { metrics }) => {
    app.observeExchanges({
      begun: () => metrics.httpInFlight(1),
      over: ({ request, reply, status }) => {
        metrics.httpInFlight(-1);
        metrics.http(request.routeOptions.url, request.method, status, reply.elapsedTime / 1000);
      },
    });

    app.addHook('onRoute', ({ url }) => metrics.httpServes(url));
    app.get('/metrics', { config: { access: 'public', load: 'probe' }, schema: getMetrics }, async (_request, reply) =>
      reply.type(metrics.contentType).send(await metrics.text()),
    );
  },
  { name: 'metrics', dependencies: ['auth', 'exchanges'] },
);
