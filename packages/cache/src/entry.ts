import { createHash, randomBytes } from 'node:crypto';

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
}

/** Which tag invalidations of its namespace an entry has seen. */
export interface TagStamp {
  readonly epoch: string;
  readonly seq: number;
}

export type NewEntry = Omit<Entry, 'digest' | 'rev' | 'lease'>;

/** Where the fields of the head begin; the scripts count from 1 and say the same numbers. */
const offsets = {
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

const VERSION = 'HF1';
const NONE = '--------';
const NEVER = '000000000';
const NEWLINE = 0x0a;
/** Content types that most entries have, as one character. */
const shortTypes: Readonly<Record<string, string>> = { j: 'application/json', v: 'application/vnd.holdfast.value' };
export const VALUE_TYPE = 'application/vnd.holdfast.value';

export function encodeEntry(entry: NewEntry): Buffer {
  const { stamp } = entry;
  const head =
    VERSION +
    digestOf(entry.contentType, entry.body) +
    randomToken() +
    NONE +
    NEVER +
    base36(entry.createdAt) +
    base36(entry.softExpiresAt ?? 0) +
    base36(entry.expiresAt ?? 0) +
    (stamp === null ? NONE + NONE : stamp.epoch + stamp.seq.toString(36).padStart(8, '0')) +
    (entry.negative ? 'n' : 'e') +
    (entry.contentType === shortTypes['j'] ? 'j' : entry.contentType === VALUE_TYPE ? 'v' : entry.contentType) +
    (entry.origin === null ? '' : `\t=${encodeURIComponent(entry.origin)}`) +
    entry.tags.map((tag) => `\t${encodeURIComponent(tag)}`).join('') +
    '\n';
  return Buffer.concat([Buffer.from(head), entry.body]);
}

/** The entry in `stored`, or `null` where it is not one that this version can read. Never throws. */
export function decodeEntry(stored: Buffer): Entry | null {
  const end = stored.length <= offsets.contentType ? -1 : stored.indexOf(NEWLINE, offsets.contentType);
  if (end === -1) return null;
  const head = stored.toString('latin1', 0, offsets.contentType);
  if (!head.startsWith(VERSION)) return null;
  const createdAt = time(head, offsets.createdAt);
  const softExpiresAt = time(head, offsets.softExpiresAt);
  const expiresAt = time(head, offsets.expiresAt);
  const leaseUntil = time(head, offsets.leaseUntil);
  const kind = head[offsets.kind];
  const stamp = stampOf(head);
  const described = describeType(stored.toString('utf8', offsets.contentType, end));
  if (Number.isNaN(createdAt + softExpiresAt + expiresAt + leaseUntil)) return null;
  if ((kind !== 'e' && kind !== 'n') || stamp === undefined || described === null) return null;
  return {
    body: stored.subarray(end + 1),
    contentType: described.contentType,
    tags: described.tags,
    origin: described.origin,
    digest: head.slice(offsets.digest, offsets.rev),
    rev: head.slice(offsets.rev, offsets.lease),
    lease: leaseUntil === 0 ? null : { token: head.slice(offsets.lease, offsets.leaseUntil), until: leaseUntil },
    createdAt,
    softExpiresAt: softExpiresAt === 0 ? null : softExpiresAt,
    expiresAt: expiresAt === 0 ? null : expiresAt,
    stamp,
    negative: kind === 'n',
  };
}

const TOKEN_BYTES = 6;
/** Asking for random bytes costs more than what else a write does, so they are asked for many at a time. */
let randomness = Buffer.alloc(0);
let used = 0;

/** Eight random characters of base64url: 48 bits. */
export function randomToken(): string {
  if (used >= randomness.length) {
    randomness = randomBytes(TOKEN_BYTES * 1024);
    used = 0;
  }
  used += TOKEN_BYTES;
  return randomness.toString('base64url', used - TOKEN_BYTES, used);
}

const noTags: readonly string[] = [];

/** Content type, origin (after a `=`, which percent-encoding leaves to it) and tags, divided by tabulators. */
function describeType(text: string): Pick<Entry, 'contentType' | 'tags' | 'origin'> | null {
  if (!text.includes('\t')) return { contentType: shortTypes[text] ?? text, tags: noTags, origin: null };
  const [contentType = '', ...rest] = text.split('\t');
  const hasOrigin = rest[0]?.startsWith('=') === true;
  try {
    return {
      contentType: shortTypes[contentType] ?? contentType,
      origin: hasOrigin ? decodeURIComponent((rest[0] ?? '').slice(1)) : null,
      tags: rest.slice(hasOrigin ? 1 : 0).map(decodeURIComponent),
    };
  } catch {
    return null;
  }
}

/** `undefined`: not a stamp. */
function stampOf(head: string): TagStamp | null | undefined {
  const epoch = head.slice(offsets.epoch, offsets.seq);
  if (epoch === NONE) return null;
  const seq = Number.parseInt(head.slice(offsets.seq, offsets.kind), 36);
  return Number.isNaN(seq) ? undefined : { epoch, seq };
}

function base36(ms: number): string {
  return Math.trunc(ms).toString(36).padStart(9, '0');
}

function time(head: string, offset: number): number {
  return Number.parseInt(head.slice(offset, offset + 9), 36);
}

function digestOf(contentType: string, body: Uint8Array): string {
  return createHash('sha256').update(contentType).update('\n').update(body).digest('base64url').slice(0, 16);
}
