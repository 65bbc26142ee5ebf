import { EventEmitter } from 'node:events';
import { deserialize, HoldfastError, serialize } from '@holdfast/redis-core';

/** What the adapter needs of a `Cache`. */
export interface KeyvCache {
  readMany(
    keys: readonly string[],
  ): Promise<readonly ({ readonly body: Buffer; readonly contentType: string } | null)[]>;
  writeMany(items: readonly KeyvWrite[]): Promise<{
    readonly outcomes: readonly (string | null)[];
    readonly errors: readonly { readonly key: string; readonly code: string; readonly detail: string }[];
  }>;
  write(key: string, value: Omit<KeyvWrite, 'key'>): Promise<{ readonly outcome: string }>;
  delete(key: string): Promise<boolean>;
  hasMany(keys: readonly string[]): Promise<boolean[]>;
  deleteMany(
    keys: readonly string[],
  ): Promise<{ readonly removed: number; readonly errors: readonly { readonly detail: string }[] }>;
  list(page: {
    readonly cursor?: string;
    readonly limit?: number;
    readonly prefix?: string;
  }): Promise<{ readonly keys: string[]; readonly cursor: string | null }>;
}

interface KeyvWrite {
  readonly key: string;
  readonly body: string | Uint8Array;
  readonly contentType: string;
  readonly ttlMs?: number;
}

/** An entry as Keyv hands it to `setMany`. */
export interface KeyvItem {
  readonly key: string;
  readonly value: unknown;
  /** Milliseconds. */
  readonly ttl?: number | undefined;
}

const TEXT = 'text/plain; charset=utf-8';
const BYTES = 'application/octet-stream';
const VALUE = 'application/vnd.holdfast.value';
const PAGE = 500;

/**
 * A Keyv store on a cache namespace, for Keyv 5 and 6: `new Keyv({ store: new HoldfastKeyv(cache), namespace: 'users' })`.
 *
 * Keyv's namespace becomes the beginning of the keys, inside the cache's own namespace. A value without a time to live
 * has that of the cache namespace. What Keyv serializes is stored as text, bytes as bytes, and other values (with Keyv's
 * serialization off) by Holdfast's own serializer. A key that holds no entry is a miss.
 *
 * Every call rejects when Redis cannot be reached; failed reads are emitted as `error` besides, as Keyv 5 reports only
 * the others.
 */
export class HoldfastKeyv extends EventEmitter {
  /**
   * Set by Keyv 5, which also prefixes keys with it; used by `clear` and `iterator`. It is not there until then, which
   * is how Keyv 6 knows that it is to do the prefixing itself.
   */
  declare namespace?: string;
  /** Where Keyv 5 keeps what it knows of a store; `dialect` tells it that `iterator` is to be used. */
  readonly opts: Record<string, unknown> = { dialect: 'redis', url: 'redis://' };
  readonly #cache: KeyvCache;

  constructor(cache: KeyvCache) {
    super();
    this.#cache = cache;
  }

  /** The value, or `undefined`. */
  async get<Value>(key: string): Promise<Value | undefined> {
    const [value] = await this.getMany<Value>([key]);
    return value;
  }

  /** Values in the order of `keys`. */
  async getMany<Value>(keys: string[]): Promise<(Value | undefined)[]> {
    const entries = await this.#reading(() => this.#cache.readMany(keys));
    return entries.map((entry) => (entry === null ? undefined : (open(entry) as Value | undefined)));
  }

  /** Replies whether it was stored: not, when the cache namespace is turned off. */
  async set(key: string, value: unknown, ttl?: number): Promise<boolean> {
    const { outcome } = await this.#cache.write(key, toEntry({ key, value, ttl }));
    return outcome !== 'off';
  }

  /** Replies for each whether it was stored; one that cannot be fails alone, and is emitted as `error`. */
  async setMany(items: readonly KeyvItem[]): Promise<boolean[]> {
    const { outcomes, errors } = await this.#cache.writeMany(
      items.map((item) => ({ key: item.key, ...toEntry(item) })),
    );
    for (const { key, code, detail } of errors) this.#report(new Error(`${key}: ${code}: ${detail}`));
    return outcomes.map((outcome) => outcome !== null && outcome !== 'off');
  }

  /** Replies whether there was something. */
  async delete(key: string): Promise<boolean> {
    return this.#cache.delete(key);
  }

  /** Replies whether there was something under one of the keys. */
  async deleteMany(keys: string[]): Promise<boolean> {
    return (await this.#deleteAll(keys)) > 0;
  }

  async has(key: string): Promise<boolean> {
    const [found = false] = await this.hasMany([key]);
    return found;
  }

  async hasMany(keys: string[]): Promise<boolean[]> {
    return this.#reading(() => this.#cache.hasMany(keys));
  }

  /** Removes what is in Keyv's namespace; without one, in the cache's. By `SCAN`: what is added meanwhile may stay. */
  async clear(): Promise<void> {
    for await (const page of this.#pages(this.namespace)) await this.#deleteAll(page);
  }

  /** Keys and values, a page at a time. An entry that is written meanwhile may come, or come twice. */
  async *iterator<Value>(namespace?: string): AsyncGenerator<[string, Value | undefined], void> {
    for await (const page of this.#pages(namespace)) {
      const values = await this.getMany<Value>(page);
      for (const [index, key] of page.entries()) {
        if (values[index] !== undefined) yield [key, values[index]];
      }
    }
  }

  /** Does nothing: the engine belongs to whoever made it. */
  async disconnect(): Promise<void> {
    this.removeAllListeners();
  }

  async *#pages(namespace: string | undefined): AsyncGenerator<string[], void> {
    const prefix = namespace === undefined || namespace === '' ? {} : { prefix: `${namespace}:` };
    let cursor: string | null = null;
    do {
      const page = await this.#cache.list({ limit: PAGE, ...prefix, ...(cursor === null ? {} : { cursor }) });
      if (page.keys.length > 0) yield page.keys;
      ({ cursor } = page);
    } while (cursor !== null);
  }

  /** Replies how many there were. */
  async #deleteAll(keys: readonly string[]): Promise<number> {
    const { errors, removed } = await this.#cache.deleteMany(keys);
    if (errors.length > 0) throw new Error(`${errors.length} of ${keys.length} were not deleted: ${errors[0]?.detail}`);
    return removed;
  }

  async #reading<Reply>(read: () => Promise<Reply>): Promise<Reply> {
    try {
      return await read();
    } catch (error) {
      this.#report(error);
      throw error;
    }
  }

  /** Node throws an `error` event that nobody listens to; here the call itself says it. */
  #report(error: unknown): void {
    if (this.listenerCount('error') > 0) this.emit('error', error);
  }
}

function toEntry({ value, ttl }: KeyvItem): Omit<KeyvWrite, 'key'> {
  const lifetime = ttl === undefined || ttl === 0 ? {} : { ttlMs: Math.ceil(ttl) };
  if (typeof value === 'string') return { body: value, contentType: TEXT, ...lifetime };
  if (value instanceof Uint8Array) return { body: value, contentType: BYTES, ...lifetime };
  return { body: serialize(value), contentType: VALUE, ...lifetime };
}

/** Also of what others wrote into the namespace: texts and JSON are texts, everything else bytes. */
function open({ body, contentType }: { readonly body: Buffer; readonly contentType: string }): unknown {
  if (contentType === VALUE) return openValue(body);
  return /^text\/|[/+]json\b/.test(contentType) ? body.toString() : body;
}

/** A value that cannot be read is a miss. */
function openValue(body: Buffer): unknown {
  try {
    return deserialize(body);
  } catch (error) {
    if (error instanceof HoldfastError) return undefined;
    throw error;
  }
}
