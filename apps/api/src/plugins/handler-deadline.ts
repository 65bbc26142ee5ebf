import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The handler ends by itself, as all it waits for has a deadline; a timer for each request is then only cost. */
    endsByItself?: boolean;
  }
}

/** Every handler has a deadline. */
export const handlerDeadline = fp<{ readonly timeoutMs: number }>(
  async (app: FastifyInstance, { timeoutMs }) => {
    app.addHook('onRoute', (route) => {
      if (route.config?.endsByItself !== true) route.handlerTimeout ??= timeoutMs;
    });
  },
  { name: 'handler-deadline' },
);
