import { createHash, hash } from 'node:crypto';
import type { Bytes } from '@holdfast/redis-core';
import { joinEntry } from './body-memory.ts';
import { randomToken } from './token.ts';

/**
 * How an entry is stored: a head of fixed width that scripts can cut with `GETRANGE`, then content type, origin and tags, a line
 * break, and the body as it came. Reading parses nothing but the head.
 *
 *     HF1 <digest:16> <rev:8> <lease:8> <leaseUntil:9> <createdAt:9> <softExpiresAt:9> <expiresAt:9> <epoch:8> <seq:8> <kind:1>
 *
 * without the blanks. `HF1` is the version: another version, or anything else, reads as a miss. The digest stands for
 * content type and body (it is the ETag, and tells an unchanged rewrite); `rev` is random (it tells one write from
 * another); `lease` is the token of who refreshes it, until when. Times are milliseconds of the server's clock in
 * base 36, zero for never. Epoch and seq say which tag invalidations the entry has seen; `--------` where it has no tags.
 * Kind is `e`, or `n` for a loader that found nothing.
 */
export interface Entry {
  readonly body: Buffer;
  readonly contentType: string;
  readonly digest: string;
  readonly rev: string;
  readonly lease: { readonly token: string; readonly until: number } | null;
  readonly createdAt: number;
  /** From then on it is stale: served, and due for a refresh. `null`: never. */
  readonly softExpiresAt: number | null;
  /** From then on it is gone, but for a loader that fails (grace). `null`: never. */
  readonly expiresAt: number | null;
  readonly stamp: TagStamp | null;
  readonly tags: readonly string[];
  /** Who wrote it, such as `source:instances`; `null` where that was not said. */
  readonly origin: string | null;
  /** A loader found nothing: a miss that need not be loaded again. */
  readonly negative: boolean;
  /** The body is no special form of the serializer: its value is plain data, if it is JSON at all. */
  readonly hasPlainBody: boolean;
  /** The body for the serializer: its text where it is plain. */
  readonly content: string | Buffer;
  /** Of head and body. */
  readonly storedBytes: number;
  /** Of the memory that cannot be freed while this entry is held: what came from a socket is a part of its chunk. */
  readonly heldBytes: number;
  /** The same entry in memory of its own, unless it has most of its memory for itself. */
  compact(): Entry;
}

/** Which tag invalidations of its namespace an entry has seen. */
export interface TagStamp {
  readonly epoch: string;
  readonly seq: number;
}

export interface NewEntry extends Pick<
  Entry,
  'contentType' | 'createdAt' | 'softExpiresAt' | 'expiresAt' | 'tags' | 'origin' | 'negative'
> {
  readonly body: Bytes;
}

/** In the place of a stamp: the script that writes the entry puts in the one of that moment. */
export const STAMP_OF_WRITE: TagStamp = { epoch: '++++++++', seq: 0 };

/** Where the fields of the head begin; the scripts count from 1 and say the same numbers. */
export const offsets = {
  digest: 3,
  rev: 19,
  lease: 27,
  leaseUntil: 35,
  createdAt: 44,
  softExpiresAt: 53,
  expiresAt: 62,
  epoch: 71,
  seq: 79,
  kind: 87,
  contentType: 88,
} as const;

export const VERSION = 'HF1';
export const NONE = '--------';
const NEVER = '000000000';
/** Content types that most entries have, as one character. */
export const shortTypes: Readonly<Record<string, string>> = {
  j: 'application/json',
  v: 'application/vnd.holdfast.value',
};
export const VALUE_TYPE = 'application/vnd.holdfast.value';

/** A body that is text gives text, which the client writes into its socket at once; bytes give bytes. */
export function encodeEntry(entry: NewEntry, stamp: TagStamp | null): Bytes {
  const { body, origin, tags } = entry;
  const contentType = inOneLine(entry.contentType);
  const head =
    VERSION +
    digestOf(contentType, body) +
    randomToken() +
    NONE +
    NEVER +
    timeText(entry.createdAt) +
    (entry.softExpiresAt === null ? NEVER : timeText(entry.softExpiresAt)) +
    (entry.expiresAt === null ? NEVER : timeText(entry.expiresAt)) +
    (stamp === null ? NONE + NONE : stamp.epoch + stamp.seq.toString(36).padStart(8, '0')) +
    (entry.negative ? 'n' : 'e') +
    (contentType === VALUE_TYPE ? 'v' : contentType === shortTypes['j'] ? 'j' : contentType) +
    (origin === null ? '' : `\t=${encodeURIComponent(origin)}`) +
    (tags.length === 0 ? '' : tags.map((tag) => `\t${encodeURIComponent(tag)}`).join('')) +
    '\n';
  return typeof body === 'string' ? head + body : joinEntry(head, body);
}

const separators = /[\t\r\n]+/g;

/** A tab ends the content type here; in a header it counts as a space wherever one is allowed (RFC 9110, 5.6.3). */
function inOneLine(contentType: string): string {
  return contentType.includes('\t') || contentType.includes('\n') || contentType.includes('\r')
    ? contentType.replaceAll(separators, ' ')
    : contentType;
}

const DIGEST_CHARACTERS = 16;
/** Up to here one call over a copy is cheaper than an object that is fed piece by piece. */
const SMALL_BYTES = 16 * 1024;

/** The first 96 bits of SHA-256 over content type, line break and body, in base64url. */
function digestOf(contentType: string, body: Bytes): string {
  return fullDigest(contentType, body).slice(0, DIGEST_CHARACTERS);
}

function fullDigest(contentType: string, body: Bytes): string {
  if (typeof body === 'string') return hash('sha256', `${contentType}\n${body}`, 'base64url');
  if (body.length > SMALL_BYTES) {
    return createHash('sha256').update(contentType).update('\n').update(body).digest('base64url');
  }
  const typeBytes = Buffer.byteLength(contentType);
  const bytes = Buffer.allocUnsafe(typeBytes + 1 + body.length);
  bytes.write(`${contentType}\n`);
  bytes.set(body, typeBytes + 1);
  return hash('sha256', bytes, 'base64url');
}

const PAIRS = Array.from({ length: 36 * 36 }, (_, pair) => pair.toString(36).padStart(2, '0'));
const PAIR = 36 * 36;
const QUAD = PAIR * PAIR;

/** Nine digits of base 36, pair by pair: `toString(36)` of what is no small integer takes many times as long. */
function timeText(ms: number): string {
  const whole = Math.trunc(ms);
  const high = Math.trunc(whole / QUAD);
  const low = whole - high * QUAD;
  const first = Math.trunc(high / QUAD);
  if (first >= 36) return 'zzzzzzzzz';
  const middle = high - first * QUAD;
  return first.toString(36) + pairs(middle) + pairs(low);
}

function pairs(quad: number): string {
  return (PAIRS[Math.trunc(quad / PAIR)] ?? '') + (PAIRS[quad % PAIR] ?? '');
}
