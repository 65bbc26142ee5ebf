import { deserialize, HoldfastError, UnknownOutcomeError } from '@holdfast/redis-core';
import type { EntityInvalidationMode, EntityStore } from './entities.ts';

/** What the store needs of a `Cache`. */
export interface EntityCache {
  readMany(
    keys: readonly string[],
  ): Promise<readonly ({ readonly body: Buffer; readonly contentType: string } | null)[]>;
  deleteMany(keys: readonly string[]): Promise<{ readonly errors: readonly { readonly detail: string }[] }>;
  invalidate(
    target: { readonly tags: readonly string[] },
    options: { readonly mode: EntityInvalidationMode },
  ): Promise<unknown>;
}

/**
 * Entities in the namespaces of `CacheRegistry`. The entry of an instance itself is deleted in either mode: it is known to
 * be wrong. `expire` is for what is related by tag.
 */
export function cacheEntityStore(caches: { get(namespace: string): EntityCache }): EntityStore {
  return {
    invalidateTags: (namespace, tags, mode) => caches.get(namespace).invalidate({ tags }, { mode }),
    async deleteKeys(namespace, keys) {
      const { errors } = await caches.get(namespace).deleteMany(keys);
      const [first] = errors;
      // Deleting again is harmless, and so is the whole invalidation.
      if (first !== undefined) {
        throw new UnknownOutcomeError(`${errors.length} of ${keys.length} entries were not deleted: ${first.detail}`);
      }
    },
    async readFields(namespace, keys, fields) {
      const entries = await caches.get(namespace).readMany(keys);
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
