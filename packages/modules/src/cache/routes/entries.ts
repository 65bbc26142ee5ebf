import { BodyMemory, type CacheRegistry } from '@holdfast/cache';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { deleteEntry, getEntry, putEntry } from '@holdfast/contract';
import type { FastifyRequest } from 'fastify';
import { parseRawBytes } from '../../http/raw-bytes.ts';
import { ttlAt } from '../../http/durations.ts';
import {
  fallbackMissStatus,
  fallbackStatus,
  missStatus,
  notStoredStatus,
  sendEntry,
  inOnePart,
} from './entry-reply.ts';
import { ApiError, apiErrors, invalidRequest } from '../../http/errors.ts';
import { contentTypeOf, parseTags, requireJson } from './entry-input.ts';
import { namespaceOf } from './namespace-of.ts';

export interface EntryRoutesOptions {
  readonly caches: CacheRegistry;
  readonly bodyLimitBytes: number;
}

const path = '/v1/cache/:ns/:key';

/** Single entries: raw bytes in, the same bytes out. */
export const entryRoutes: FastifyPluginAsyncTypebox<EntryRoutesOptions> = async (app, { caches, bodyLimitBytes }) => {
  const memory = new BodyMemory();
  parseRawBytes(app, (bytes) => memory.allocate(bytes));

  const read = { access: 'cache:read', namespaceOf, endsByItself: true } as const;
  app.get(path, { config: read, schema: getEntry, onSend: inOnePart }, async (request, reply) => {
    const { ns, key } = request.params;
    const entry = await caches.get(ns).read(key);
    if (entry === null) {
      reply.header('cache-status', caches.isOnFallback ? fallbackMissStatus : missStatus);
      throw new ApiError(apiErrors.entryNotFound, 'The cache holds nothing under this key.');
    }
    return sendEntry(reply, entry, request.headers['if-none-match']);
  });

  app.put(
    path,
    { config: { access: 'cache:write', namespaceOf, rawBody: true }, schema: putEntry, bodyLimit: bodyLimitBytes },
    async (request, reply) => {
      const { ns, key } = request.params;
      const { ttl, tags } = request.query;
      const cache = caches.get(ns);
      const createOnly = mustNotExist(request);
      const contentType = contentTypeOf(request.headers['content-type']);
      const body = request.body instanceof Buffer ? request.body : Buffer.alloc(0);
      const ttlMs = ttl === undefined ? undefined : ttlAt('query.ttl', ttl);
      const parsedTags = tags === undefined ? undefined : parseTags(tags);
      requireJson(contentType, body);
      const { outcome } = await cache.write(
        key,
        {
          body,
          contentType,
          ...(ttlMs === undefined ? {} : { ttlMs }),
          ...(parsedTags === undefined ? {} : { tags: parsedTags }),
        },
        { createOnly },
      );
      if (outcome === 'exists') throw new ApiError(apiErrors.preconditionFailed, 'The key holds an entry already.');
      if (outcome === 'off') reply.header('cache-status', notStoredStatus);
      else if (caches.isOnFallbackFor(ns, key)) reply.header('cache-status', fallbackStatus);
      return reply.code(outcome === 'created' ? 201 : 204).send();
    },
  );

  app.delete(path, { config: { access: 'cache:write', namespaceOf }, schema: deleteEntry }, async (request, reply) => {
    const { ns, key } = request.params;
    await caches.get(ns).delete(key);
    if (caches.isOnFallbackFor(ns, key)) reply.header('cache-status', fallbackStatus);
    return reply.code(204).send();
  });
};

/** `If-None-Match: *`. A condition that is not supported is refused: ignoring it could overwrite what it protects. */
function mustNotExist(request: FastifyRequest): boolean {
  if (request.headers['if-match'] !== undefined) {
    throw invalidRequest('headers.if-match', 'is not supported when writing');
  }
  const condition = request.headers['if-none-match'];
  if (condition === undefined) return false;
  if (condition.trim() !== '*') throw invalidRequest('headers.if-none-match', 'must be * when writing');
  return true;
}
