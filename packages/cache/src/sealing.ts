import {
  type Bytes,
  compressText,
  CorruptValueError,
  deserialize,
  NotSerializableError,
  serialize,
} from '@holdfast/redis-core';
import { encodeEntry, type Entry, type NewEntry, STAMP_OF_WRITE, VALUE_TYPE } from './entry.ts';
import { checkTags, checkTtl, ValueTooLargeError } from './errors.ts';
import { deepFreeze, isShareable } from './freeze.ts';
import type { Loaded, LoadOptions } from './loader.ts';
import type { CacheOptions } from './options.ts';
import { jittered } from './staleness.ts';
import type { Statistics } from './statistics.ts';
import { decodeEntry } from './stored-entry.ts';
import type { Unstored } from './unstored.ts';

/** What is to be stored, but for its stamp. */
export interface Fill {
  readonly entry: NewEntry;
  /** Until Redis removes it: its time to live and its grace; `null`: never. */
  readonly keepMs: number | null;
}

export interface Unsealed {
  readonly body: Bytes;
  readonly contentType: string;
  readonly ttlMs?: number | null | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly origin?: string | undefined;
  readonly graceMs?: number;
  readonly negative?: boolean;
}

/** A value that was read. */
export interface Opened {
  readonly value: unknown;
}

/** What a loader returned, as it is stored and as its callers get it. */
export interface Product {
  /** `null`: it is not stored. */
  readonly fill: Fill | null;
  /** Plain data is made once, for all who ask. What cannot be stored is what the loader returned. */
  readonly open: () => unknown;
  /** Why it cannot be stored. */
  readonly unstored: Unstored | null;
}

const noTags: readonly string[] = [];
const MAX_VALUE_BYTES = 8 * 1024 * 1024;
/** What a compressed value that is read may unfold to, if its namespace does not take larger ones anyway. */
const MAX_UNFOLDED_BYTES = 64 * 1024 * 1024;

/** Makes entries of values and values of entries, by the rules of one namespace. */
export class Sealing {
  readonly #options: CacheOptions;
  readonly #now: () => number;
  readonly #statistics: Statistics;

  constructor(options: CacheOptions, now: () => number, statistics: Statistics) {
    this.#options = options;
    this.#now = now;
    this.#statistics = statistics;
  }

  /**
   * Checks a value and gives it its times.
   * @throws TtlInvalidError, TagInvalidError, ValueTooLargeError
   */
  seal(value: Unsealed): Fill {
    const { maxValueBytes = MAX_VALUE_BYTES, softTtlMs, ttlMs: ownTtlMs, jitter = 0 } = this.#options;
    const given = value.ttlMs === undefined ? ownTtlMs : value.ttlMs;
    if (given !== null && !(given === 0 && ownTtlMs === 0)) checkTtl(given);
    const { body, tags = noTags } = value;
    checkSize(body, maxValueBytes);
    if (tags.length > 0) checkTags(tags);
    const ttlMs = jittered(given, jitter);
    const graceMs = value.graceMs ?? this.#options.graceMs ?? 0;
    const createdAt = this.#now();
    return {
      keepMs: ttlMs === null ? null : ttlMs + graceMs,
      entry: {
        body,
        contentType: value.contentType,
        createdAt,
        softExpiresAt: softTtlMs === undefined ? null : createdAt + softTtlMs,
        expiresAt: ttlMs === null ? null : createdAt + ttlMs,
        tags,
        origin: value.origin ?? null,
        negative: value.negative === true,
      },
    };
  }

  /** What becomes of a loader's result. @throws TtlInvalidError, TagInvalidError */
  productOf({ value, ttlMs, tags }: Loaded, options: LoadOptions): Product {
    const negative = value === undefined;
    const ttl = negative
      ? (options.negativeTtlMs ?? this.#options.negativeTtlMs ?? 0)
      : firstDefined(ttlMs, options.ttlMs, this.#options.ttlMs);
    if (negative && ttl === 0) return { fill: null, open: () => undefined, unstored: null };
    try {
      const body = negative ? '' : this.serialize(value);
      const fill = this.seal({
        body,
        contentType: VALUE_TYPE,
        ttlMs: ttl,
        tags: tags ?? options.tags ?? noTags,
        graceMs: negative ? 0 : (options.graceMs ?? this.#options.graceMs ?? 0),
        negative,
      });
      return { fill, open: negative ? () => undefined : this.#openerOf(body), unstored: null };
    } catch (error) {
      // That it cannot be kept is no reason to keep it from those who asked for it.
      if (error instanceof ValueTooLargeError) {
        return { fill: null, open: () => value, unstored: { reason: 'too-large', error } };
      }
      if (!(error instanceof NotSerializableError)) throw error;
      return { fill: null, open: () => value, unstored: { reason: 'not-serializable', error } };
    }
  }

  /** A new entry as it is sent; one with tags asks the script for the stamp of the moment that it is written in. */
  encode(entry: NewEntry): Bytes {
    return encodeEntry(entry, entry.tags.length === 0 ? null : STAMP_OF_WRITE);
  }

  /** What was just made, as readers get it. */
  asEntry({ entry }: Fill): Entry | null {
    const encoded = encodeEntry(entry, null);
    return decodeEntry(Buffer.isBuffer(encoded) ? encoded : Buffer.from(encoded));
  }

  /** @throws NotSerializableError, ValueTooLargeError: its size counts before it is compressed, as it does for readers */
  serialize(value: unknown): Bytes {
    const { compressAboveBytes, maxValueBytes = MAX_VALUE_BYTES } = this.#options;
    const text = serialize(value);
    checkSize(text, maxValueBytes);
    return compressAboveBytes === undefined ? text : compressText(text, compressAboveBytes);
  }

  /**
   * What `serialize` was given, plain data frozen; `undefined`, and counted, where the body is something else: a text, an
   * image, or a torn value.
   */
  open(entry: Pick<Entry, 'content'>): Opened | undefined {
    try {
      return { value: deepFreeze(this.#deserialize(entry.content)) };
    } catch (error) {
      if (!(error instanceof CorruptValueError)) throw error;
      this.#statistics.add('foreign', 1);
      return undefined;
    }
  }

  #deserialize(content: Bytes): unknown {
    return deserialize(content, { maxBytes: Math.max(MAX_UNFOLDED_BYTES, this.#options.maxValueBytes ?? 0) });
  }

  #openerOf(body: Bytes): () => unknown {
    let shared: Opened | undefined;
    return () => {
      if (shared !== undefined) return shared.value;
      const value = deepFreeze(this.#deserialize(body));
      if (isShareable(value)) shared = { value };
      return value;
    };
  }
}

function checkSize(body: Bytes, maxBytes: number): void {
  // A UTF-16 unit takes at most three bytes: most texts need no counting.
  if (typeof body === 'string' && body.length * 3 <= maxBytes) return;
  const bytes = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
  if (bytes > maxBytes) throw new ValueTooLargeError(bytes, maxBytes);
}

function firstDefined<Value>(...values: readonly (Value | undefined)[]): Value | undefined {
  return values.find((value) => value !== undefined);
}
