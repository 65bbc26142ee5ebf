import { isAscii } from 'node:buffer';
import type { CacheEntry } from '@holdfast/cache';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** What RFC 9110 allows in a media type: a tab may stand around a semicolon, and both a tab and bytes above ASCII in quotes. */
const sendableType = /^(?=.*[^ \t])[\t\x20-\x7e\x80-\xff]{1,256}$/;

/** Whether a content type can be sent in a header as it is. */
export function isSendableType(contentType: string): boolean {
  return sendableType.test(contentType);
}

/**
 * Sends a stored entry as it is, or 304 when the caller has it. The content type is the writer's, so a browser must
 * neither guess another one nor run what is inside with the rights of this origin.
 */
export function sendEntry(reply: FastifyReply, entry: CacheEntry, ifNoneMatch: string | undefined): FastifyReply {
  const etag = quoted(entry.etag);
  reply
    .header('etag', etag)
    .header('age', Math.max(0, Math.floor((Date.now() - entry.createdAt) / 1000)))
    .header('cache-status', hitStatus(entry))
    .header('cache-control', 'private, no-cache')
    .header('x-content-type-options', 'nosniff')
    .header('content-security-policy', 'sandbox');
  if (ifNoneMatch !== undefined && matches(ifNoneMatch, etag)) return reply.code(304).send();
  return reply
    .code(200)
    .header('content-type', isSendableType(entry.contentType) ? entry.contentType : 'application/octet-stream')
    .send(entry.body);
}

/** Above it copying costs more than a second part. */
const smallBytes = 16 * 1024;

/**
 * Node writes a header and a Buffer as two parts (writev, which is most of what a small answer costs), a header and a text
 * as one. As an `onSend` hook, because Fastify would add a charset to the type of a text.
 */
export function inOnePart(
  _request: FastifyRequest,
  _reply: FastifyReply,
  payload: unknown,
  done: (error: null, payload: unknown) => void,
): void {
  const isText = Buffer.isBuffer(payload) && payload.length <= smallBytes && isAscii(payload);
  done(null, isText ? payload.toString('latin1') : payload);
}

export const missStatus = 'holdfast; fwd=miss';

/** Redis is away: it may hold what was asked for. */
export const fallbackMissStatus = 'holdfast; fwd=miss; detail=fallback';

/** For a write into a namespace that is switched off (TTL 0). */
export const notStoredStatus = 'holdfast; stored=?0; detail=off';

/** For a change while Redis is away: made in this process, and noted for Redis. */
export const fallbackStatus = 'holdfast; stored; detail=fallback';

/** RFC 9211; `ttl` in whole seconds, left out for an entry without expiry. */
function hitStatus(entry: CacheEntry): string {
  const { ttlMs } = entry;
  const ttl = ttlMs === null ? '' : `; ttl=${Math.max(0, Math.floor(ttlMs / 1000))}`;
  return `holdfast; hit${ttl}; detail=${detailOf(entry)}`;
}

/** Where an entry came from; `fallback` tells more than `stale`, as Redis may know a newer one. */
export function detailOf({ layer, stale }: CacheEntry): 'l1' | 'l2' | 'stale' | 'fallback' {
  return stale && layer !== 'fallback' ? 'stale' : layer;
}

/** The weak comparison of RFC 9110, as `If-None-Match` asks for. */
function matches(ifNoneMatch: string, etag: string): boolean {
  if (ifNoneMatch.trim() === '*') return true;
  return ifNoneMatch.split(',').some((candidate) => candidate.trim().replace(/^W\//, '') === etag);
}

function quoted(etag: string): string {
  return etag.startsWith('"') ? etag : `"${etag}"`;
}
