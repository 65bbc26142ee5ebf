import type { FastifyInstance } from 'fastify';
import type { Running } from '../../module.ts';
import type { SourcesSettings } from '../config/settings.ts';
import type { SourcesPart } from '../create.ts';
import type { SourcesNeeds } from '../needs.ts';
import { integrationRoutes } from './integrations.ts';
import { nextSync } from './next-sync.ts';
import { sourceRoutes } from './sources.ts';

export async function routes(
  app: FastifyInstance,
  { settings, needs, part }: Running<SourcesSettings, SourcesNeeds, SourcesPart>,
): Promise<void> {
  const { sources } = part;
  const { queues } = needs.queues;
  const namespaces = Object.fromEntries(Object.values(settings.byName).map(({ name, namespace }) => [name, namespace]));
  await app.register(sourceRoutes, {
    caches: needs.cache.caches,
    sources,
    queues,
    namespaces,
    upstreamConfigured: settings.upstream.baseUrl !== null,
    nextSync: (source) => nextSync(queues, source),
  });
  await app.register(integrationRoutes, { sources, namespaces });
}
