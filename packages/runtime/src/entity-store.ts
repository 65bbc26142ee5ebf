import type { CacheEntry, CacheRegistry, EntityStore } from '@holdfast/cache';
import { UnavailableError } from '@holdfast/redis-core';

/**
 * How the invalidation of entities reaches the caches. While Redis is away what fields name cannot be known, so an
 * invalidation that needs it fails rather than reaching less than it should.
 */
export function entityStore(caches: CacheRegistry): EntityStore {
  return {
    async invalidateTags(namespace, tags, mode) {
      const cache = caches.get(namespace);
      for (let at = 0; at < tags.length; at += MAX_TAGS) {
        await cache.invalidate({ tags: tags.slice(at, at + MAX_TAGS) }, { mode });
      }
    },
    async deleteKeys(namespace, keys) {
      const { errors } = await caches.get(namespace).deleteMany(keys);
      const [first] = errors;
      if (first === undefined) return;
      throw new UnavailableError(`${errors.length} entries could not be invalidated: ${first.detail} Try again.`);
    },
    async readFields(namespace, keys, fields) {
      if (caches.isAway) {
        throw new UnavailableError('Redis is away, and what this invalidation takes along cannot be known without it.');
      }
      const entries = await caches.get(namespace).readMany(keys);
      return entries.map((entry) => fieldsOf(entry, fields));
    },
  };
}

/** As many as one invalidation takes. */
const MAX_TAGS = 64;

function fieldsOf(entry: CacheEntry | null, fields: readonly string[]): Record<string, unknown> | null {
  if (entry === null) return null;
  try {
    const value: unknown = JSON.parse(entry.body.toString());
    return Object.fromEntries(fields.map((field) => [field, descend(value, field.split('.'))]));
  } catch {
    return null;
  }
}

function descend(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (at, name) =>
      typeof at === 'object' && at !== null && Object.hasOwn(at, name) ? at[name as keyof typeof at] : undefined,
    value,
  );
}
