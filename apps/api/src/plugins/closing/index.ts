import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';

/** How often connections that have become idle are looked for while closing. */
const sweepMs = 100;

/**
 * Lets a close end as soon as the last answer is out. Node closes the connections that are idle when `close` is called;
 * one that is busy then would stay open, kept alive for its next request, and hold the process.
 */
export const closing = fp(
  async (app: FastifyInstance) => {
    const controller = new AbortController();
    app.decorate('closing', controller.signal);
    app.addHook('preClose', async () => {
      controller.abort();
      const sweep = setInterval(() => app.server.closeIdleConnections(), sweepMs);
      sweep.unref();
      app.server.once('close', () => clearInterval(sweep));
    });
    app.addHook('onSend', (_request, reply, _payload, done) => {
      if (controller.signal.aborted) reply.header('connection', 'close');
      done();
    });
  },
  { name: 'closing' },
);
