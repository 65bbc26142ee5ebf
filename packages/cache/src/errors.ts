import { HoldfastError, type ErrorDefinition, type HoldfastErrorOptions } from '@holdfast/redis-core';

/** The catalogue of this package. */
export const cacheErrors = {
  namespaceUnknown: {
    code: 'NAMESPACE_UNKNOWN',
    status: 404,
    title: 'The cache namespace is not declared.',
  },
  ttlInvalid: {
    code: 'TTL_INVALID',
    status: 400,
    title: 'The time to live is not allowed.',
  },
  tagInvalid: {
    code: 'TAG_INVALID',
    status: 400,
    title: 'A tag is not allowed.',
  },
  loaderFailed: {
    code: 'LOADER_FAILED',
    status: 502,
    title: 'The value could not be loaded, and there was none to fall back on.',
    retryable: true,
  },
  loaderTimeout: {
    code: 'LOADER_TIMEOUT',
    status: 504,
    title: 'Loading the value took too long, and there was none to fall back on.',
    retryable: true,
  },
  valueTooLarge: {
    code: 'VALUE_TOO_LARGE',
    status: 413,
    title: 'The value is larger than the namespace allows.',
  },
  bulkAborted: {
    code: 'BULK_ABORTED',
    status: 503,
    title: 'The caller ended the bulk call before this key was reached: nothing was changed for it.',
    retryable: true,
  },
  entityUnknown: {
    code: 'ENTITY_UNKNOWN',
    status: 404,
    title: 'The entity type is not declared.',
  },
  entityGraphInvalid: {
    code: 'ENTITY_GRAPH_INVALID',
    status: 500,
    title: 'The declared entities do not fit together.',
  },
  entityCascadeTooLarge: {
    code: 'ENTITY_CASCADE_TOO_LARGE',
    status: 422,
    title: 'The invalidation would reach more than is allowed; nothing was invalidated.',
  },
} as const satisfies Record<string, ErrorDefinition>;

export class NamespaceUnknownError extends HoldfastError {
  constructor(namespace: string, known: readonly string[], options?: HoldfastErrorOptions) {
    super(
      cacheErrors.namespaceUnknown,
      `The cache namespace ${JSON.stringify(namespace)} is not declared. Known: ${known.join(', ') || 'none'}. Declare it under cache.namespaces, or set cache.allowUndeclared.`,
      options,
    );
  }
}

export class TtlInvalidError extends HoldfastError {
  constructor(ttlMs: number) {
    const message = `must be a whole number of milliseconds from 1 to ${MAX_TTL_MS} (36500 days), or null for no expiry`;
    super(cacheErrors.ttlInvalid, `The time to live ${message}; it is ${ttlMs}.`, {
      issues: [{ path: 'ttl', message }],
    });
  }
}

/** One of the other durations that a namespace is declared with; `path` is its name. */
export class DurationInvalidError extends HoldfastError {
  constructor(path: string, milliseconds: number, maximum: number) {
    const message = `must be a whole number of milliseconds from 0 to ${maximum}`;
    super(cacheErrors.ttlInvalid, `${path} ${message}; it is ${milliseconds}.`, { issues: [{ path, message }] });
  }
}

export class TagInvalidError extends HoldfastError {
  constructor(problem: string) {
    super(cacheErrors.tagInvalid, `A tag ${problem}.`, { issues: [{ path: 'tags', message: problem }] });
  }
}

export class BulkAbortedError extends HoldfastError {
  constructor() {
    super(cacheErrors.bulkAborted, 'The call was ended before this key was reached.');
  }
}

export class ValueTooLargeError extends HoldfastError {
  constructor(bytes: number, maxBytes: number) {
    super(cacheErrors.valueTooLarge, `The value has ${bytes} bytes; this namespace takes at most ${maxBytes}.`);
  }
}

export class EntityUnknownError extends HoldfastError {
  constructor(type: string, known: readonly string[]) {
    super(
      cacheErrors.entityUnknown,
      `The entity type ${JSON.stringify(type.slice(0, 80))} is not declared. There are: ${known.join(', ')}.`,
    );
  }
}

export class EntityGraphError extends HoldfastError {
  constructor(issues: NonNullable<HoldfastErrorOptions['issues']>) {
    const list = issues.map(({ path, message }) => `${path} ${message}`).join('; ');
    super(cacheErrors.entityGraphInvalid, `The declared entities do not fit together: ${list}.`, { issues });
  }
}

export class EntityCascadeError extends HoldfastError {
  constructor(problem: string) {
    super(cacheErrors.entityCascadeTooLarge, `The invalidation ${problem}; nothing was invalidated.`);
  }
}

const DAY_MS = 24 * 60 * 60 * 1000;
/** A hundred years: what a TTL may be everywhere (see `maxDurationMs` of the configuration). */
export const MAX_TTL_MS: number = 36_500 * DAY_MS;
/** What is waited for with a timer: one of more than 24.8 days would end at once. */
export const MAX_WAIT_MS: number = 24 * DAY_MS;

/** @throws TtlInvalidError */
export function checkTtl(ttlMs: number): void {
  if (!Number.isInteger(ttlMs) || ttlMs < 1 || ttlMs > MAX_TTL_MS) throw new TtlInvalidError(ttlMs);
}

/** @throws DurationInvalidError */
export function checkDuration(name: string, milliseconds: number | undefined, maximum: number): void {
  if (milliseconds === undefined) return;
  if (!Number.isInteger(milliseconds) || milliseconds < 0 || milliseconds > maximum) {
    throw new DurationInvalidError(name, milliseconds, maximum);
  }
}

/** Tags that one entry has, or one invalidation names, at most. */
export const MAX_TAGS = 64;

/** @throws TagInvalidError */
export function checkTags(tags: readonly string[]): void {
  if (tags.length > MAX_TAGS) throw new TagInvalidError(`list may have at most ${MAX_TAGS} tags, not ${tags.length}`);
  for (const tag of tags) {
    if (tag === '' || Buffer.byteLength(tag) > 256) throw new TagInvalidError('must have 1 to 256 bytes');
    if (!tag.isWellFormed()) throw new TagInvalidError('must be well-formed Unicode');
  }
}
