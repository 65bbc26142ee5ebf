import { cacheErrors } from '@holdfast/cache';
import { queueErrors } from '@holdfast/queue';
import type { ErrorDefinition } from '@holdfast/redis-core';
import { redisErrors } from '@holdfast/redis-core';
import { sourceErrors } from '@holdfast/sources';
import { apiErrors } from '@holdfast/modules/http';

export interface ErrorCatalogue {
  readonly owner: string;
  readonly errors: readonly ErrorDefinition[];
}

/** Every error that an answer of this service can carry, by the package that raises it. */
export const errorCatalogues: readonly ErrorCatalogue[] = [
  { owner: '@holdfast/api', errors: Object.values(apiErrors) },
  { owner: '@holdfast/redis-core', errors: Object.values(redisErrors) },
  { owner: '@holdfast/cache', errors: Object.values(cacheErrors) },
  { owner: '@holdfast/queue', errors: Object.values(queueErrors) },
  { owner: '@holdfast/sources', errors: Object.values(sourceErrors) },
];

const titles = new Map<string, string>(
  errorCatalogues.flatMap(({ errors }) => errors.map(({ code, title }): [string, string] => [code, title])),
);

/** The title of a code: the same sentence in every answer and in `docs/reference/errors.md`. */
export function errorTitle(code: string): string {
  return titles.get(code) ?? 'The request failed.';
}
