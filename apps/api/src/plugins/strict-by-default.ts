import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { noBody, strictObject } from '../schema.ts';

const takesBody = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

/**
 * A route that names no query parameters takes none, and one that names no body takes none: what a caller sends and
 * nobody reads is a mistake of the caller that should not pass silently.
 */
export const strictByDefault = fp(
  async (app: FastifyInstance) => {
    app.addHook('onRoute', (route) => {
      const { schema } = route;
      if (schema === undefined || schema.hide === true) return;
      schema.querystring ??= strictObject({});
      const storesBytes = route.config?.rawBody === true;
      if (!storesBytes && [route.method].flat().some((method) => takesBody.has(method))) schema.body ??= noBody;
    });
  },
  { name: 'strict-by-default' },
);

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The body is bytes that no schema describes. */
    rawBody?: boolean;
  }
}
