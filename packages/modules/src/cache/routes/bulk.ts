import { Readable } from 'node:stream';
import type { BulkResult, BulkWriteOptions, CacheRegistry, InvalidateTarget } from '@holdfast/cache';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { bulkDelete, bulkGet, bulkSet, invalidateEntries, syncEntries } from '@holdfast/contract';
import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import { fallbackStatus } from './entry-reply.ts';
import { invalidRequest } from '../../http/errors.ts';
import { compileEnvelopeValidator } from '../../http/compile-validator.ts';
import { readItems, withRefused } from './bulk-items.ts';
import { bulkAnswer } from './bulk-stream.ts';
import { namespaceOf } from './namespace-of.ts';

export interface BulkRoutesOptions {
  readonly caches: CacheRegistry;
  /** Of other routes. */
  readonly bodyLimitBytes: number;
}

/** Its items as the bytes of their JSON. */
interface BulkSetBody {
  readonly items: readonly Buffer[];
  readonly batchSize?: number;
}

interface SyncBody {
  readonly updates: readonly Buffer[];
  readonly deletions: readonly string[];
  readonly batchSize?: number;
}

/** Enough for 10 000 items of several hundred bytes, where the limit of other routes is lower. */
const minBodyLimit = 8 * 1024 * 1024;

/** Many entries in one request. What Redis does for one of them never changes what it does for the others. */
export const bulkRoutes: FastifyPluginAsyncTypebox<BulkRoutesOptions> = async (app, { caches, bodyLimitBytes }) => {
  const bodyLimit = Math.max(bodyLimitBytes, minBodyLimit);
  const read = { access: 'cache:read', namespaceOf, load: 'bulk' } as const;
  const write = { access: 'cache:write', namespaceOf, load: 'bulk' } as const;
  const keys = { lists: { keys: 'texts' } } as const;
  const markAway = (reply: FastifyReply, { fallback }: Pick<BulkResult, 'fallback'>): void => {
    if (fallback.length > 0) reply.header('cache-status', fallbackStatus);
  };

  app.post(
    '/v1/cache/:ns/bulk/get',
    { config: { ...read, largeParts: keys }, schema: bulkGet, bodyLimit },
    async (request, reply) => {
      const { params, body, ended } = request;
      const hold = (bytes: number): void => request.holdForAnswer(bytes);
      const answer = await bulkAnswer(caches.get(params.ns), body.keys, { signal: ended, hold });
      reply.type('application/json; charset=utf-8');
      return reply.send(Readable.from(answer, { objectMode: false, highWaterMark: 256 * 1024 }) as never);
    },
  );

  app.post(
    '/v1/cache/:ns/bulk/set',
    {
      config: { ...write, largeParts: { lists: { items: 'items' } } },
      schema: { ...bulkSet, body: Type.Unsafe<BulkSetBody>(bulkSet.body) },
      validatorCompiler: compileEnvelopeValidator,
      bodyLimit,
    },
    async ({ params, body, ended }, reply) => {
      const { items, ...refused } = await readItems(body.items, '/items');
      const { outcomes: _, ...result } = await caches.get(params.ns).writeMany(items, optionsOf(body, ended));
      markAway(reply, result);
      return withRefused(result, refused);
    },
  );

  app.post(
    '/v1/cache/:ns/bulk/delete',
    { config: { ...write, largeParts: keys }, schema: bulkDelete, bodyLimit },
    async ({ params, body, ended }, reply) => {
      const result = await caches.get(params.ns).deleteMany(body.keys, { signal: ended });
      markAway(reply, result);
      return withRefused(result, { errors: [], superseded: 0 });
    },
  );

  app.post(
    '/v1/cache/:ns/sync',
    {
      config: { ...write, largeParts: { lists: { updates: 'items', deletions: 'texts' } } },
      schema: { ...syncEntries, body: Type.Unsafe<SyncBody>(syncEntries.body) },
      validatorCompiler: compileEnvelopeValidator,
      bodyLimit,
    },
    async ({ params, body, ended }, reply) => {
      const { items, ...refused } = await readItems(body.updates, '/updates');
      const result = await caches.get(params.ns).sync(items, body.deletions, optionsOf(body, ended));
      markAway(reply, result);
      return { ...withRefused(result, refused), updated: result.updated + refused.superseded };
    },
  );

  app.post(
    '/v1/cache/:ns/invalidate',
    { config: write, schema: invalidateEntries },
    async ({ params, body, ended }, reply) => {
      const { mode, ...target } = body;
      const options = { signal: ended, ...(mode !== undefined && { mode }) };
      const invalidated = await caches.get(params.ns).invalidate(oneOf(target), options);
      if (caches.isOnFallback) reply.header('cache-status', fallbackStatus);
      return { invalidated };
    },
  );
};

function optionsOf({ batchSize }: { readonly batchSize?: number }, signal: AbortSignal): BulkWriteOptions {
  return { signal, ...(batchSize !== undefined && { batchSize }) };
}

function oneOf(target: {
  readonly tags?: readonly string[];
  readonly prefix?: string;
  readonly all?: true;
}): InvalidateTarget {
  const { tags, prefix, all } = target;
  if (Object.keys(target).length !== 1) throw invalidRequest('body', 'must have exactly one of tags, prefix and all');
  if (tags !== undefined) return { tags };
  if (prefix !== undefined) return { prefix };
  return { all: all ?? true };
}
