import type { PartInput } from '@holdfast/config/part';
import type { cacheSections, FileNamespaces } from './schema.ts';
import type { cacheVariables } from './variables.ts';

const pairs = [
  ['CACHE_TIMEOUT', 'instances', 'softTtl'],
  ['NOVITA_API_CACHE_TTL', 'api-responses', 'ttl'],
  ['COMPREHENSIVE_CACHE_TTL', 'comprehensive', 'ttl'],
] as const;

/** Notes what the environment and the file both say. */
export function warnOfTtlTwice(
  given: PartInput<typeof cacheVariables, typeof cacheSections>['given'],
  namespaces: FileNamespaces,
  warnings: string[],
): void {
  for (const [name, namespace, field] of pairs) {
    if (given.has(name) && namespaces[namespace]?.[field] !== undefined) {
      warnings.push(`${name} and cache.namespaces.${namespace}.${field} are both set: the file wins`);
    }
  }
}
