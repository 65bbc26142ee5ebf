import type { FastifyInstance } from 'fastify';
import type { NoNeeds, Running } from '../../module.ts';
import type { CacheSettings } from '../config/settings.ts';
import type { CachePart } from '../create.ts';
import { bulkRoutes } from './bulk.ts';
import { entityRoutes } from './entities.ts';
import { entryRoutes } from './entries.ts';
import { namespaceRoutes } from './namespaces.ts';

export async function routes(
  app: FastifyInstance,
  { config, part }: Running<CacheSettings, NoNeeds, CachePart>,
): Promise<void> {
  const { caches, entities } = part;
  const { bodyLimitBytes } = config.server;
  await app.register(entryRoutes, { caches, bodyLimitBytes });
  await app.register(bulkRoutes, { caches, bodyLimitBytes });
  await app.register(entityRoutes, { entities });
  await app.register(namespaceRoutes, { caches });
}
