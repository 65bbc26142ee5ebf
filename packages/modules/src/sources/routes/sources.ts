import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { CacheRegistry } from '@holdfast/cache';
import { getItem, getSource, listItems, listSources, syncSource } from '@holdfast/contract';
import { sourceSync } from '@holdfast/jobs';
import type { Queues } from '@holdfast/queue';
import { UnavailableError } from '@holdfast/redis-core';
import type { SourceState, Sources } from '@holdfast/sources';
import type { FastifyRequest } from 'fastify';
import { mayUseNamespace } from '../../http/access.ts';
import { missStatus, sendEntry } from '../../cache/routes/entry-reply.ts';
import { ApiError, apiErrors } from '../../http/errors.ts';

export interface SourceRoutesOptions {
  readonly caches: CacheRegistry;
  readonly sources: Sources;
  readonly queues: Queues;
  /** The cache namespace of each source, for keys that are limited to some. */
  readonly namespaces: Readonly<Record<string, string>>;
  /** Whether there is an upstream to mirror. */
  readonly upstreamConfigured: boolean;
  /** When the schedule mirrors a source next, ISO 8601; `null`: unknown. */
  readonly nextSync: (source: string) => Promise<string | null>;
}

export const sourceRoutes: FastifyPluginAsyncTypebox<SourceRoutesOptions> = async (
  app,
  { caches, sources, queues, namespaces, upstreamConfigured, nextSync },
) => {
  const namespaceOf = (request: FastifyRequest): string | undefined => {
    const { s } = request.params as { s?: string };
    return s === undefined || !Object.hasOwn(namespaces, s) ? undefined : namespaces[s];
  };
  const read = { access: 'sources:read', namespaceOf } as const;
  const view = async (state: SourceState) => ({
    ...state,
    url: upstreamConfigured ? state.url : null,
    lastSync: state.lastSync ?? null,
    lastError: state.lastError ?? null,
    nextSync: await nextSync(state.name),
  });

  app.get('/v1/sources', { config: { access: 'sources:read' }, schema: listSources }, async ({ apiKey }) => {
    const names = sources.names().filter((name) => mayUseNamespace(apiKey, namespaces[name] ?? name));
    const states = await Promise.all(names.map((name) => sources.get(name).state()));
    return { sources: await Promise.all(states.map(view)) };
  });

  app.get('/v1/sources/:s', { config: read, schema: getSource }, async ({ params }) =>
    view(await sources.get(params.s).state()),
  );

  app.get('/v1/sources/:s/items', { config: { ...read, load: 'bulk' }, schema: listItems }, async ({ params, query }) =>
    sources.get(params.s).items(query),
  );

  app.get('/v1/sources/:s/items/:id', { config: read, schema: getItem }, async (request, reply) => {
    const { s, id } = request.params;
    const entry = await sources.get(s).item(id);
    if (entry === null) {
      // A mirror that says "no such item" because nobody could look would lie.
      if (caches.isOnFallback) throw new UnavailableError('Redis is away, and this process does not hold the item.');
      reply.header('cache-status', missStatus);
      throw new ApiError(apiErrors.itemNotFound, `The mirror of "${s}" has no such item.`);
    }
    return sendEntry(reply, entry, request.headers['if-none-match']);
  });

  app.post(
    '/v1/sources/:s/sync',
    { config: { access: 'sources:write', namespaceOf }, schema: syncSource },
    async ({ params }, reply) => {
      sources.get(params.s);
      if (!upstreamConfigured) {
        throw new ApiError(apiErrors.upstreamNotConfigured, 'Set NOVITA_API_BASE_URL to the API to mirror.');
      }
      const job = await queues.add(sourceSync.name, { data: { source: params.s } });
      const location = `/v1/queues/${sourceSync.name}/jobs/${encodeURIComponent(job.id)}`;
      return reply.code(202).header('location', location).send({ jobId: job.id, queue: sourceSync.name });
    },
  );
};
