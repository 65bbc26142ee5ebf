import type { Entities, EntityGraph } from '@holdfast/cache';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { invalidateEntity } from '@holdfast/contract';
import { mayUseNamespace } from '../../http/access.ts';
import { ApiError, apiErrors } from '../../http/errors.ts';

/** Invalidation along the declared relations between entities. */
export const entityRoutes: FastifyPluginAsyncTypebox<{ readonly entities: Entities }> = async (app, { entities }) => {
  app.post(
    '/v1/entities/:type/:id/invalidate',
    { config: { access: 'cache:write', load: 'bulk' }, schema: invalidateEntity },
    async ({ params: { type, id }, apiKey, ended }) => {
      if (!namespacesOf(entities.graph, type).every((namespace) => mayUseNamespace(apiKey, namespace))) {
        throw new ApiError(
          apiErrors.namespaceForbidden,
          'The invalidation may reach namespaces for which the API key is not valid.',
        );
      }
      const { invalidated, tagged } = await entities.invalidate(type, id, 'delete', ended);
      return { invalidated: [...invalidated], tagged: [...tagged] };
    },
  );
};

/** Every namespace that an invalidation of this type may reach. */
function namespacesOf(graph: EntityGraph, type: string): string[] {
  const types = new Set([type]);
  // A set that grows while it is walked is walked to its end.
  for (const name of types) for (const edge of graph.get(name).invalidates) types.add(edge.type);
  return [...types].flatMap((name) => graph.get(name).namespaces);
}
