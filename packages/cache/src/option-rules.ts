import {
  anything,
  callback,
  checkOptions,
  flag,
  milliseconds,
  list,
  OptionInvalidError,
  oneOf,
  type OptionRules,
  share,
  text,
  wholeNumber,
} from '@holdfast/redis-core';
import type { BulkOptions, BulkWriteOptions } from './bulk.ts';
import type { EndpointCacheOptions } from './endpoint-cache.ts';
import type { CascadeLimits } from './entities/cascade.ts';
import { checkTtl, MAX_TTL_MS } from './errors.ts';
import type { HashKeyOptions } from './hash-key.ts';
import type { LoadOptions } from './loader.ts';
import type { L1Options } from './l1-cache.ts';
import type { CacheOptions, InvalidateMode, InvalidateTarget, SetItem, SetOptions } from './options.ts';
import type { CacheRegistryOptions } from './registry.ts';

/** What the options of this package may be, by their names. All functions throw OptionInvalidError. */

const duration = wholeNumber(0, MAX_TTL_MS);
const bytes = wholeNumber(0);

const cache: OptionRules<CacheOptions> = {
  engine: anything,
  keys: anything,
  namespace: text,
  label: text,
  now: callback,
  // Durations have errors of their own: see `checkTtl` and `checkDuration`.
  ttlMs: anything,
  softTtlMs: anything,
  graceMs: anything,
  negativeTtlMs: anything,
  hardTimeoutMs: anything,
  failureThrottleMs: anything,
  leaseMs: milliseconds(1),
  jitter: share,
  earlyRefresh: share,
  maxEntries: wholeNumber(1),
  indexed: flag,
  onL2Error: oneOf('serve', 'throw'),
  compressAboveBytes: bytes,
  maxValueBytes: bytes,
  batchSize: wholeNumber(1, 100),
};

export function checkCacheOptions(options: CacheOptions): void {
  checkOptions(`the cache ${JSON.stringify(options.namespace)}`, options, cache);
}

const l1: OptionRules<L1Options> = { maxBytes: bytes, maxStaleMs: duration, sweepEveryMs: milliseconds(1) };

export function checkL1Options(options: L1Options): void {
  checkOptions('L1Cache', options, l1);
}

const registry: OptionRules<CacheRegistryOptions> = {
  engine: anything,
  keys: anything,
  namespaces: anything,
  allowUndeclared: flag,
  maxValueBytes: bytes,
  onL2Error: oneOf('serve', 'throw'),
  batchSize: wholeNumber(1, 100),
  l1: anything,
  usage: anything,
  journal: anything,
};

const usage: OptionRules<NonNullable<CacheRegistryOptions['usage']>> = {
  flushIntervalMs: milliseconds(1),
  refreshEvery: wholeNumber(1),
  sizeCacheTtlMs: duration,
  now: callback,
};

export function checkRegistryOptions(options: CacheRegistryOptions): void {
  checkOptions('CacheRegistry', options, registry);
  if (options.usage !== undefined) checkOptions('usage', options.usage, usage);
}

const load: OptionRules<LoadOptions> = {
  // Checked below.
  ttlMs: anything,
  tags: anything,
  graceMs: duration,
  softTimeoutMs: milliseconds(),
  hardTimeoutMs: milliseconds(1),
  negativeTtlMs: duration,
};

/** Those of a load are looked at before it, as what it made would be lost. @throws TtlInvalidError */
export function checkLoadOptions(options: LoadOptions): void {
  checkOptions('getOrSet', options, load);
  const { ttlMs } = options;
  if (ttlMs !== undefined && ttlMs !== null && ttlMs !== 0) checkTtl(ttlMs);
}

const set: OptionRules<SetOptions> = { ttlMs: anything, tags: anything };
const item: OptionRules<SetItem> = {
  key: anything,
  value: anything,
  ...set,
};

/** Their values are checked with the entry that is made of them. */
export function checkSetOptions(options: SetOptions): void {
  checkOptions('set', options, set);
}

export function checkSetItem(given: SetItem): void {
  checkOptions('an item with a value', given, item);
}

const write: OptionRules<{ readonly createOnly?: boolean }> = { createOnly: flag };

export function checkWriteOptions(options: { readonly createOnly?: boolean }): void {
  checkOptions('write', options, write);
}

const bulk: OptionRules<BulkOptions> = { batchSize: wholeNumber(1), concurrency: wholeNumber(1) };
const bulkRead: OptionRules<BulkOptions & { readonly countsAsUse?: boolean }> = { ...bulk, countsAsUse: flag };
const bulkWrite: OptionRules<BulkWriteOptions> = { ...bulk, signal: anything };

export function checkBulkReadOptions(options: BulkOptions & { readonly countsAsUse?: boolean }): void {
  checkOptions('a call for many keys', options, bulkRead);
}

export function checkBulkWriteOptions(options: BulkWriteOptions): void {
  checkOptions('a call for many keys', options, bulkWrite);
}

interface Page {
  readonly cursor?: string;
  readonly limit?: number;
  readonly prefix?: string;
}
const page: OptionRules<Page> = { cursor: text, limit: wholeNumber(1), prefix: text };

export function checkPage(options: Page): void {
  checkOptions('list', options, page);
}

const invalidation: OptionRules<{ readonly mode?: InvalidateMode; readonly signal?: AbortSignal }> = {
  mode: oneOf('delete', 'expire'),
  signal: anything,
};
const target = { tags: list, keys: list, prefix: text, all: { must: 'must be true', allows: isTrue } };

function isTrue(value: unknown): boolean {
  return value === true;
}

/** A target that names nothing is not one that covers everything. */
export function checkInvalidation(
  given: InvalidateTarget,
  options: { readonly mode?: InvalidateMode; readonly signal?: AbortSignal },
): void {
  checkOptions<Partial<Record<keyof typeof target, unknown>>>('invalidate', given, target);
  if (Object.values(given).filter((value) => value !== undefined).length !== 1) {
    throw new OptionInvalidError('invalidate', 'target', 'must have one of tags, keys, prefix and all');
  }
  checkOptions('invalidate', options, invalidation);
}

const hash: OptionRules<HashKeyOptions> = { prefix: text };

export function checkHashKeyOptions(options: HashKeyOptions): void {
  checkOptions('hashKey', options, hash);
}

const endpoint: OptionRules<EndpointCacheOptions> = { maxKeys: wholeNumber(1), now: callback };

export function checkEndpointCacheOptions(options: EndpointCacheOptions): void {
  checkOptions('EndpointCache', options, endpoint);
}

const limits: OptionRules<CascadeLimits> = { maxSize: wholeNumber(1), maxDepth: wholeNumber(1) };

export function checkCascadeLimits(given: Partial<CascadeLimits>): void {
  checkOptions<Partial<CascadeLimits>>('the limits of Entities', given, limits);
}
