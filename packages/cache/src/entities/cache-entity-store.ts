import { deserialize, HoldfastError, UnavailableError } from '@holdfast/redis-core';
import { MAX_TAGS } from '../errors.ts';
import type { EntityInvalidationMode, EntityStore } from './entities.ts';

/** What the store needs of a `Cache`. */
export interface EntityCache {
  readMany(
    keys: readonly string[],
    options: { readonly countsAsUse: false },
  ): Promise<readonly ({ readonly body: Buffer; readonly contentType: string } | null)[]>;
  invalidate(
    target: { readonly tags: readonly string[] } | { readonly keys: readonly string[] },
    options: { readonly mode: EntityInvalidationMode },
  ): Promise<unknown>;
}

/** What it needs of a `CacheRegistry`. */
export interface EntityCaches {
  get(namespace: string): EntityCache;
  readonly isOnFallback?: boolean;
}

/**
 * Entities in the namespaces of a `CacheRegistry`. While Redis is away what fields name cannot be known, so an
 * invalidation that needs it fails with `UnavailableError` rather than reaching less than it should.
 */
export function cacheEntityStore(caches: EntityCaches): EntityStore {
  return {
    async invalidateTags(namespace, tags, mode) {
      const cache = caches.get(namespace);
      for (let at = 0; at < tags.length; at += MAX_TAGS) {
        await cache.invalidate({ tags: tags.slice(at, at + MAX_TAGS) }, { mode });
      }
    },
    invalidateKeys: (namespace, keys, mode) => caches.get(namespace).invalidate({ keys }, { mode }),
    async readFields(namespace, keys, fields) {
      if (caches.isOnFallback === true) {
        throw new UnavailableError('Redis is away, and what this invalidation takes along cannot be known without it.');
      }
      const entries = await caches.get(namespace).readMany(keys, { countsAsUse: false });
      return entries.map((entry) => {
        const stored = entry === null ? undefined : parse(entry);
        return stored === undefined
          ? null
          : Object.fromEntries(fields.map((field) => [field, field.split('.').reduce(descend, stored)]));
      });
    },
  };
}

function parse({ body, contentType }: { readonly body: Buffer; readonly contentType: string }): unknown {
  try {
    if (contentType === 'application/vnd.holdfast.value') return deserialize(body);
    return /[/+]json\b/.test(contentType) ? (JSON.parse(body.toString()) as unknown) : undefined;
  } catch (error) {
    if (error instanceof HoldfastError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function descend(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}
