import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';

declare module 'fastify' {
  interface FastifyInstance {
    /** Whether whoever sends requests here should send them elsewhere: from `startDraining` on, and while it closes. */
    readonly isDraining: boolean;
    /** All requests are served as before, but each answer ends its connection, and `/health/ready` says no. */
    startDraining(): void;
  }
}

/** How often connections that have become idle are looked for while closing. */
const sweepMs = 100;

/**
 * Lets callers go in two steps. A service that drains still takes connections and serves them, and each answer is the last
 * one of its connection: closing a connection while its caller may be sending the next request would cost that request.
 * A close then ends as soon as the last answer is out. Node closes the connections that are idle when `close` is called; one
 * that is busy then would stay open, kept alive for its next request, and hold the process.
 */
export const closing = fp(
  async (app: FastifyInstance) => {
    const controller = new AbortController();
    let isDraining = false;
    app.decorate('closing', controller.signal);
    app.decorate('isDraining', { getter: () => isDraining });
    app.decorate('startDraining', () => {
      isDraining = true;
    });
    app.addHook('preClose', async () => {
      isDraining = true;
      controller.abort();
      const sweep = setInterval(() => app.server.closeIdleConnections(), sweepMs);
      sweep.unref();
      app.server.once('close', () => clearInterval(sweep));
    });
    app.addHook('onSend', (_request, reply, _payload, done) => {
      if (isDraining) reply.header('connection', 'close');
      done();
    });
  },
  { name: 'closing' },
);
