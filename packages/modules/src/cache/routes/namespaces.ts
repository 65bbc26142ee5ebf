import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Cache, CacheRegistry } from '@holdfast/cache';
import type { ApiKey } from '@holdfast/config';
import { getCacheStats, getNamespace, listKeys, listNamespaces, type Namespace, topKeys } from '@holdfast/contract';
import { CommandError } from '@holdfast/redis-core';
import { mayUseNamespace } from '../../http/access.ts';
import { invalidRequest } from '../../http/errors.ts';
import { namespaceOf } from './namespace-of.ts';

export const namespaceRoutes: FastifyPluginAsyncTypebox<{ readonly caches: CacheRegistry }> = async (
  app,
  { caches },
) => {
  const statsFor = async (apiKey: ApiKey | null) => ({
    namespaces: await Promise.all(
      caches
        .names()
        .filter((name) => mayUseNamespace(apiKey, name))
        .map((name) => statsOf(caches.get(name))),
    ),
  });
  app.get('/v1/namespaces', { config: { access: 'cache:read' }, schema: listNamespaces }, async ({ apiKey }) =>
    statsFor(apiKey),
  );
  app.get('/api/cache/stats', { config: { access: 'cache:read' }, schema: getCacheStats }, async ({ apiKey }) =>
    statsFor(apiKey),
  );

  app.get(
    '/v1/namespaces/:ns',
    { config: { access: 'cache:read', namespaceOf }, schema: getNamespace },
    async ({ params }) => statsOf(caches.get(params.ns)),
  );

  app.get(
    '/v1/namespaces/:ns/top',
    { config: { access: 'cache:read', namespaceOf }, schema: topKeys },
    async ({ params, query }) => ({ items: await caches.get(params.ns).top(query.limit ?? 10) }),
  );

  app.get(
    '/v1/namespaces/:ns/keys',
    { config: { access: 'cache:read', namespaceOf, load: 'bulk' }, schema: listKeys },
    async ({ params, query }) => {
      try {
        return await caches.get(params.ns).list(query);
      } catch (error) {
        // The cursor is all that Redis can find wrong with a SCAN.
        if (!(error instanceof CommandError) || query.cursor === undefined) throw error;
        throw invalidRequest('query.cursor', 'was not given out by this API');
      }
    },
  );
};

/** Asks for the size first; where that fails, the last known one is told. */
async function statsOf(cache: Cache): Promise<Namespace> {
  await cache.size();
  const stats = cache.stats();
  const { countedAt } = stats;
  return { ...stats, countedAt: countedAt === null ? null : new Date(countedAt).toISOString() };
}
