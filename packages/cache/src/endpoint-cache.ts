import { checkOption, wholeNumber } from '@holdfast/redis-core';
import { checkEndpointCacheOptions } from './option-rules.ts';

export interface EndpointCacheOptions {
  /** How many answers are kept; beyond it the one that was used longest ago goes. Default 100. */
  readonly maxKeys?: number;
  /** Milliseconds since the epoch, or of any clock. Default: one that is never set back. */
  readonly now?: () => number;
}

export interface EndpointAnswer<Value> {
  readonly value: Value;
  /** Whether it had been computed before this call. */
  readonly cached: boolean;
}

const lifetime = wholeNumber(0);

interface Kept {
  readonly value: unknown;
  readonly loadedAt: number;
}

/**
 * Keeps what an endpoint of this service costs to compute, in this process: a health summary must be there when Redis is
 * not. Calls that come while an answer is being computed wait for that one.
 */
export class EndpointCache {
  readonly #kept = new Map<string, Kept>();
  readonly #loading = new Map<string, Promise<unknown>>();
  readonly #maxKeys: number;
  readonly #now: () => number;

  /** @throws OptionInvalidError naming the option that is not allowed */
  constructor(options: EndpointCacheOptions = {}) {
    checkEndpointCacheOptions(options);
    const { maxKeys = 100, now = () => performance.now() } = options;
    this.#maxKeys = maxKeys;
    this.#now = now;
  }

  /**
   * The answer under `key` when it is younger than `ttlMs` (callers may differ in what they accept), else that of
   * `loader`. An error is thrown to all who waited for it, and is not kept. One key stands for one type of answer.
   */
  async cached<Value>(key: string, ttlMs: number, loader: () => Promise<Value>): Promise<EndpointAnswer<Value>> {
    checkOption('EndpointCache.cached', 'ttlMs', ttlMs, lifetime);
    const kept = this.#kept.get(key);
    if (kept !== undefined) {
      const age = this.#now() - kept.loadedAt;
      if (age >= 0 && age < ttlMs) {
        this.#keep(key, kept);
        return { value: kept.value as Value, cached: true };
      }
    }
    let loading = this.#loading.get(key);
    if (loading === undefined) {
      loading = this.#load(key, loader);
      this.#loading.set(key, loading);
    }
    return { value: (await loading) as Value, cached: false };
  }

  /** Forgets one answer, or all. What is being computed is still delivered, and kept. */
  clear(key?: string): void {
    if (key === undefined) this.#kept.clear();
    else this.#kept.delete(key);
  }

  async #load(key: string, loader: () => Promise<unknown>): Promise<unknown> {
    // Its age is counted from before the load: what it saw is at least that old.
    const loadedAt = this.#now();
    try {
      // A loader that throws before its first wait must not end this before it is noted as loading.
      await Promise.resolve();
      const value = await loader();
      this.#keep(key, { value, loadedAt });
      return value;
    } finally {
      this.#loading.delete(key);
    }
  }

  #keep(key: string, kept: Kept): void {
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    const oldest = this.#kept.keys().next();
    if (this.#kept.size > this.#maxKeys && oldest.done !== true) this.#kept.delete(oldest.value);
  }
}
