import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';

/** From then on a request is worth a line whatever came of it. */
const slowMs = 1000;

/**
 * One line a request, under its id and the template of its route: a URL holds keys, which are user data. What was
 * answered as asked is a line at `debug`: metrics count it, and a line of its own costs more than a hit. What was not, or
 * was slow, is one at `info`.
 */
export const requestLog = fp<{ readonly isEnabled: (level: 'debug' | 'info') => boolean }>(
  async (app: FastifyInstance, { isEnabled }) => {
    app.addHook('onRequest', (request, reply, done) => {
      reply.header('x-request-id', request.id);
      done();
    });
    app.addHook('onResponse', (request, reply, done) => {
      const level = reply.statusCode < 400 && reply.elapsedTime < slowMs ? 'debug' : quiet(request);
      if (isEnabled(level)) {
        request.log[level](
          {
            method: request.method,
            route: routeOf(request),
            status: reply.statusCode,
            durationMs: Math.round(reply.elapsedTime * 10) / 10,
            ...(request.apiKey === null ? {} : { caller: request.apiKey.id }),
          },
          'request',
        );
      }
      done();
    });
    app.addHook('onRequestAbort', (request, done) => {
      request.log.info({ method: request.method, route: routeOf(request) }, 'request aborted');
      done();
    });
  },
  { name: 'request-log', dependencies: ['auth'] },
);

function routeOf(request: FastifyRequest): string {
  return request.routeOptions.url ?? 'unmatched';
}

/** Probes and scrapes come every few seconds and say nothing. */
function quiet(request: FastifyRequest): 'debug' | 'info' {
  const route = routeOf(request);
  return route.startsWith('/health') || route === '/metrics' ? 'debug' : 'info';
}
