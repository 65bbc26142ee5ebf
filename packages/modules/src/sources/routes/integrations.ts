import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { EndpointCache } from '@holdfast/cache';
import { getIntegrations } from '@holdfast/contract';
import type { Sources } from '@holdfast/sources';
import { mayUseNamespace } from '../../http/access.ts';

export interface IntegrationRoutesOptions {
  readonly sources: Sources;
  /** The cache namespace of each source, for keys that are limited to some. */
  readonly namespaces: Readonly<Record<string, string>>;
}

const keptMs = 5 * 60_000;

/** How the upstreams do, as those ask who operate the service. */
export const integrationRoutes: FastifyPluginAsyncTypebox<IntegrationRoutesOptions> = async (
  app,
  { sources, namespaces },
) => {
  const answers = new EndpointCache();

  app.get(
    '/api/integrations/status',
    { config: { access: 'sources:read' }, schema: getIntegrations },
    async ({ apiKey }) => {
      const { value, cached } = await answers.cached('integrations', keptMs, () => integrationsOf(sources));
      const integrations = value.filter(({ name }) => mayUseNamespace(apiKey, namespaces[name] ?? name));
      return { integrations, cached };
    },
  );
};

async function integrationsOf(
  sources: Sources,
): Promise<{ name: string; healthy: boolean; lastSync: string | null }[]> {
  const states = await Promise.all(sources.names().map((name) => sources.get(name).state()));
  return states.map(({ name, healthy, lastSync }) => ({ name, healthy, lastSync: lastSync?.at ?? null }));
}
