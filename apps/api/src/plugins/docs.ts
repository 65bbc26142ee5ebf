import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { jsonResponse } from '@holdfast/contract';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { Type } from 'typebox';

/** Only what this server sends itself; Swagger UI sets styles on its elements. */
const contentSecurityPolicy =
  "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'";

/** `/openapi.json` (OpenAPI 3.1, made from the schemas of the routes) and `/docs`, which needs nothing from the network. */
export const docs = fp<{ readonly version: string }>(
  async (app: FastifyInstance, { version }) => {
    await app.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'Holdfast',
          version,
          description: 'A Redis-backed cache and job service that stays up when Redis is down.',
          license: { name: 'MIT', identifier: 'MIT' },
        },
        tags: [
          { name: 'cache', description: 'Entries: bytes with a content type, a TTL and tags.' },
          { name: 'namespaces', description: 'What the cache holds and how well it does.' },
          { name: 'queues', description: 'Backlog, age and policy of each queue.' },
          { name: 'jobs', description: 'Background work that survives crashes.' },
          { name: 'sources', description: 'Upstream collections, mirrored into the cache.' },
          { name: 'operations', description: 'Health, metrics and this document.' },
        ],
        components: {
          securitySchemes: {
            apiKey: {
              type: 'http',
              scheme: 'bearer',
              bearerFormat: 'hf_<id>_<secret>',
              description: 'Needed as soon as HOLDFAST_API_KEYS is set. `x-scope` of an operation names its scope.',
            },
          },
        },
      },
      refResolver: { buildLocalReference: (json, _base, _fragment, index) => nameOf(json['$id'], index) },
      transform: ({ schema, url, route }) => {
        const access = route.config?.access;
        const secured = access === undefined || access === 'public' ? { security: [] } : { security: [{ apiKey: [] }] };
        return {
          schema: { ...schema, ...secured, ...(secured.security.length > 0 ? { 'x-scope': access } : {}) },
          url,
        };
      },
    });
    await app.register(swaggerUi, {
      routePrefix: '/docs',
      staticCSP: contentSecurityPolicy,
      uiConfig: { deepLinking: true },
    });
    app.get(
      '/openapi.json',
      {
        config: { access: 'public' },
        schema: {
          operationId: 'getOpenApi',
          summary: 'This document',
          tags: ['operations'],
          response: { 200: jsonResponse('OpenAPI 3.1', Type.Unknown()) },
        },
      },
      async () => app.swagger(),
    );
  },
  { name: 'docs' },
);

/** Shared schemas keep their name in `components`. */
function nameOf(id: unknown, index: number): string {
  return typeof id === 'string' ? id : `schema-${index}`;
}
