import { noBody, strictObject } from '@holdfast/contract';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { decode } from './decode.ts';

const takesBody = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

/** Probes and scrapers add what they like (a time against caches, `?verbose`): an answer of 400 would restart the process. */
const takesAnyQuery = /^\/(?:health(?:\/.+)?|metrics)$/;

/**
 * A route that names no query parameters takes none, and one that names no body takes none: what a caller sends and
 * nobody reads is a mistake of the caller that should not pass silently.
 */
export const strictByDefault = fp(
  async (app: FastifyInstance) => {
    app.addHook('preValidation', (request, _reply, done) => {
      if (request.routeOptions.schema?.querystring !== undefined) refuseUndecodable(request.raw.url ?? '');
      done();
    });
    app.addHook('onRoute', (route) => {
      const { schema } = route;
      if (schema === undefined || schema.hide === true) return;
      const storesBytes = route.config?.rawBody === true;
      const hasBody = !storesBytes && [route.method].flat().some((method) => takesBody.has(method));
      // A schema of its own: the contract's is not this service's to change.
      route.schema = {
        ...(!takesAnyQuery.test(route.url) && { querystring: strictObject({}) }),
        ...(hasBody && { body: noBody }),
        ...schema,
      };
    });
  },
  { name: 'strict-by-default' },
);

/** A value that cannot be decoded would be taken literally, and so be looked for as what nobody meant. */
function refuseUndecodable(url: string): void {
  const at = url.indexOf('?');
  if (at !== -1 && url.includes('%', at)) decode(url.slice(at), 'query');
}
