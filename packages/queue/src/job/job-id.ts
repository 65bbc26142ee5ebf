import crypto from 'node:crypto';

/** Node.js has version 7 since 24.16. */
const { randomUUID, randomUUIDv7 }: { readonly randomUUID: () => string; readonly randomUUIDv7?: () => string } =
  crypto;

/**
 * An id for a job whose caller chose none. Those that are made one after another begin alike (RFC 9562, version 7), so in
 * the index of an outbox they lie side by side: a commit touches a few pages and not one for each job.
 */
export function newJobId(): string {
  return (randomUUIDv7 ?? randomUUID)();
}

/**
 * On Redis the key of a job is the prefix of its queue and its id, right beside the keys that BullMQ and this package
 * keep for the queue itself. A job of such an id would overwrite them, and reading one would meet a key of another type.
 */
const ownKeys = new Set([
  'active',
  'completed',
  'de',
  'delayed',
  'dn',
  'events',
  'failed',
  'id',
  'limiter',
  'marker',
  'meta',
  'once',
  'paused',
  'pc',
  'prioritized',
  'repeat',
  'schedules',
  'stalled',
  'stalled-check',
  'wait',
  'waiting-children',
]);

/** What a caller may choose: see `isJobId`. */
const chosen = /^[A-Za-z0-9._~-]{1,128}$/;

/** Bytes of the longest id that can be asked for: percent-encoded, it still fits into a request line. */
export const maxJobIdBytes = 4096;

export const jobIdRule =
  'must be 1 to 128 of A-Z a-z 0-9 . _ ~ -, not only digits (BullMQ counts with those), not "." or ".." (which no URL can name), and not a name that the queue needs for itself, such as "meta" or "wait"';

/** Whether a caller may give a job this id. */
export function isJobId(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    chosen.test(value) &&
    !/^\d+$/.test(value) &&
    !isDotSegment(value) &&
    !ownKeys.has(value)
  );
}

/**
 * Whether a job of this id may exist: one that a caller chose, that a schedule made, or that another BullMQ program added,
 * whose ids can be any text. Whether there is one, only the lists of the queue tell.
 */
export function canBeJobId(id: string): boolean {
  return canBeAskedFor(id) && !ownKeys.has(id);
}

/** Whether a text from outside may be looked for in a store: PostgreSQL takes neither U+0000 nor half of a surrogate pair. */
export function canBeAskedFor(id: string): boolean {
  return id !== '' && !id.includes('\0') && id.isWellFormed() && Buffer.byteLength(id) <= maxJobIdBytes;
}

/** Whether a URL would lose it: clients and proxies resolve these two, also where they are percent-encoded. */
export function isDotSegment(name: string): boolean {
  return name === '.' || name === '..';
}
