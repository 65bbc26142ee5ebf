import swagger from '@fastify/swagger';
import { getOpenApi } from '@holdfast/contract';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { about, info } from './about.ts';
import { docsPage } from './page.ts';
import { refineOperation, refineSchema } from './refine.ts';
import { withSharedComponents } from './shared-components.ts';

/** `/openapi.json` (OpenAPI 3.1, made from the schemas of the routes) and `/docs`, which needs nothing from the network. */
export const docs = fp<{ readonly version: string }>(
  async (app: FastifyInstance, { version }) => {
    await app.register(swagger, {
      openapi: { ...about, info: { ...info, version } },
      transform: ({ schema, url, route }) => {
        const access = route.config?.access;
        const isOpen = access === undefined || access === 'public';
        const needs = isOpen ? { security: [] } : { security: [{ apiKey: [] }], 'x-scope': access };
        return { schema: { ...refineSchema(schema), ...needs }, url };
      },
      transformObject: (document) => {
        if (!('openapiObject' in document)) return document.swaggerObject;
        for (const methods of Object.values(document.openapiObject.paths ?? {})) {
          for (const operation of Object.values(methods ?? {})) refineOperation(operation as object);
        }
        return withSharedComponents({ ...document.openapiObject });
      },
    });
    await app.register(docsPage);
    // All routes are there before the first request: it is the same for everybody who asks.
    let text: string | undefined;
    app.get('/openapi.json', { config: { access: 'public' }, schema: getOpenApi }, async (_request, reply) => {
      text ??= JSON.stringify(app.swagger());
      return reply.type('application/json; charset=utf-8').send(text);
    });
  },
  { name: 'docs' },
);
