import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';

/**
 * One line a request, under its id and the template of its route: a URL holds keys, which are user data. At `info` only
 * what the service failed to answer (5xx). All else is `debug`: a miss is no event, a mistake is its caller's, who is told
 * of it and may leave before, and waiting for a job is slow on purpose. Metrics count and time them all, and a line costs
 * more than a hit.
 */
export const requestLog = fp<{ readonly isEnabled: (level: 'debug' | 'info') => boolean }>(
  async (app: FastifyInstance, { isEnabled }) => {
    app.addHook('onRequest', (request, reply, done) => {
      reply.header('x-request-id', request.id);
      done();
    });
    app.observeExchanges({
      over: ({ request, reply, status, isGone, isShed }) => {
        const level = status >= 500 && !isShed && !isProbe(request) ? 'info' : 'debug';
        if (!isEnabled(level)) return;
        request.log[level](
          {
            method: request.method,
            route: routeOf(request),
            status,
            durationMs: Math.round(reply.elapsedTime * 10) / 10,
            ...(request.apiKey === null ? {} : { caller: request.apiKey.id }),
          },
          isGone ? 'caller gone' : 'request',
        );
      },
    });
  },
  { name: 'request-log', dependencies: ['auth', 'exchanges'] },
);

function routeOf(request: FastifyRequest): string {
  return request.routeOptions.url ?? 'unmatched';
}

/** Probes and scrapes come every few seconds, and what they are told is in the log already. */
function isProbe(request: FastifyRequest): boolean {
  const route = routeOf(request);
  return route.startsWith('/health') || route === '/metrics';
}
