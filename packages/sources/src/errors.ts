import { HoldfastError } from '@holdfast/redis-core';
import type { ErrorDefinition, HoldfastErrorOptions } from '@holdfast/redis-core';

/** The catalogue of this package; `docs/reference/errors.md` is generated from the catalogues. */
export const sourceErrors = {
  unknown: { code: 'SOURCE_UNKNOWN', status: 404, title: 'There is no source of this name.' },
  disabled: { code: 'SOURCE_DISABLED', status: 404, title: 'The source of this name is turned off.' },
  cursorInvalid: { code: 'SOURCE_CURSOR_INVALID', status: 400, title: 'The cursor was not given out by this API.' },
  urlInvalid: {
    code: 'UPSTREAM_URL_INVALID',
    status: 500,
    title: 'The address or the key of an upstream is unusable.',
  },
  empty: {
    code: 'SOURCE_EMPTY',
    status: 502,
    title: 'The upstream has no items although the mirror does; the mirror was kept.',
    retryable: true,
  },
  writeFailed: {
    code: 'SOURCE_WRITE_FAILED',
    status: 503,
    title: 'Not every item could be written to the cache; nothing was pruned.',
    retryable: true,
    retryAfterMs: 1000,
  },
  aborted: {
    code: 'SOURCE_SYNC_ABORTED',
    status: 503,
    title: 'The sync was cancelled before its end; nothing was pruned.',
    retryable: true,
  },
  failed: {
    code: 'UPSTREAM_FAILED',
    status: 502,
    title: 'The upstream answered with an error that may pass.',
    retryable: true,
    retryAfterMs: 5000,
  },
  rejected: { code: 'UPSTREAM_REJECTED', status: 502, title: 'The upstream refused the request.' },
  unreachable: {
    code: 'UPSTREAM_UNREACHABLE',
    status: 502,
    title: 'No answer came over the connection to the upstream.',
    retryable: true,
    retryAfterMs: 5000,
  },
  timeout: {
    code: 'UPSTREAM_TIMEOUT',
    status: 504,
    title: 'The upstream did not answer in time.',
    retryable: true,
    retryAfterMs: 5000,
  },
  notJson: {
    code: 'UPSTREAM_NOT_JSON',
    status: 502,
    title: 'The upstream answered with something that is not JSON.',
    retryable: true,
  },
  invalid: {
    code: 'UPSTREAM_INVALID',
    status: 502,
    title: 'The upstream answered with JSON of another shape than configured.',
  },
  incomplete: {
    code: 'UPSTREAM_INCOMPLETE',
    status: 502,
    title: 'The upstream delivered less than it announced.',
    retryable: true,
  },
  pageRepeated: {
    code: 'UPSTREAM_PAGE_REPEATED',
    status: 502,
    title: 'The upstream delivers the same page again and again.',
    retryable: true,
  },
  changing: {
    code: 'UPSTREAM_CHANGING',
    status: 502,
    title: 'The collection changed during each attempt to read it.',
    retryable: true,
  },
  tooLarge: { code: 'UPSTREAM_TOO_LARGE', status: 502, title: 'The upstream delivers more than is allowed here.' },
} as const satisfies Record<string, ErrorDefinition>;

export class SourceUnknownError extends HoldfastError {
  constructor(name: string, known: readonly string[], options?: HoldfastErrorOptions) {
    super(sourceErrors.unknown, `There is no source "${name}". Known: ${known.join(', ') || 'none'}.`, options);
  }
}

/** The configuration knows the source and has turned it off. */
export class SourceDisabledError extends HoldfastError {
  constructor(name: string, options?: HoldfastErrorOptions) {
    super(sourceErrors.disabled, `The source "${name}" is turned off in the configuration.`, options);
  }
}

/** A wrong cursor of `Mirror.items`. */
export class SourceCursorInvalidError extends HoldfastError {
  constructor(options?: HoldfastErrorOptions) {
    super(sourceErrors.cursorInvalid, 'The cursor was not given out by this API.', options);
  }
}

/** The configured address or key cannot be used. Its message never contains either. */
export class UpstreamUrlInvalidError extends HoldfastError {
  constructor(message: string) {
    super(sourceErrors.urlInvalid, message);
  }
}

/** An upstream without items is taken for a fault while the mirror has some, unless `allowEmpty` is set. */
export class SourceEmptyError extends HoldfastError {
  constructor(message: string, options?: HoldfastErrorOptions) {
    super(sourceErrors.empty, message, options);
  }
}

/** Redis refused or lost a write. What was written stays and is right; nothing was pruned. */
export class SourceWriteError extends HoldfastError {
  constructor(message: string, options?: HoldfastErrorOptions) {
    super(sourceErrors.writeFailed, message, options);
  }
}

/** Ended by the caller's signal; `cause` is its reason. */
export class SourceSyncAbortedError extends HoldfastError {
  constructor(message: string, options?: HoldfastErrorOptions) {
    super(sourceErrors.aborted, message, options);
  }
}

/** A 5xx, 408 or 429: the same request may succeed later. */
export class UpstreamFailedError extends HoldfastError {
  constructor(message: string, options?: HoldfastErrorOptions) {
    super(sourceErrors.failed, message, options);
  }
}

/** Any other 4xx, or a redirect (never followed): the request itself is at fault. */
export class UpstreamRejectedError extends HoldfastError {
  constructor(message: string, options?: HoldfastErrorOptions) {
    super(sourceErrors.rejected, message, options);
  }
}

/** Refused, reset, closed without an answer, or a name that does not resolve. */
export class UpstreamUnreachableError extends HoldfastError {
  constructor(message: string, options?: HoldfastErrorOptions) {
    super(sourceErrors.unreachable, message, options);
  }
}

export class UpstreamTimeoutError extends HoldfastError {
  constructor(message: string, options?: HoldfastErrorOptions) {
    super(sourceErrors.timeout, message, options);
  }
}

/** HTML, an empty body, or a text that is no JSON. */
export class UpstreamNotJsonError extends HoldfastError {
  constructor(message: string, options?: HoldfastErrorOptions) {
    super(sourceErrors.notJson, message, options);
  }
}

/** JSON, but without the configured list, total or ids. */
export class UpstreamInvalidError extends HoldfastError {
  constructor(message: string, options?: HoldfastErrorOptions) {
    super(sourceErrors.invalid, message, options);
  }
}

/** Half a page: a body or a list that ends before its announced end. */
export class UpstreamIncompleteError extends HoldfastError {
  constructor(message: string, options?: HoldfastErrorOptions) {
    super(sourceErrors.incomplete, message, options);
  }
}

/** A page that brings no new id where new ones were due. */
export class UpstreamPageRepeatedError extends HoldfastError {
  constructor(message: string, options?: HoldfastErrorOptions) {
    super(sourceErrors.pageRepeated, message, options);
  }
}

/** Pages of several moments do not make one collection, and pruning by them would delete what still exists. */
export class UpstreamChangingError extends HoldfastError {
  constructor(message: string, options?: HoldfastErrorOptions) {
    super(sourceErrors.changing, message, options);
  }
}

/** Over `maxPages`, `maxItems` or `maxPageBytes`. */
export class UpstreamTooLargeError extends HoldfastError {
  constructor(message: string, options?: HoldfastErrorOptions) {
    super(sourceErrors.tooLarge, message, options);
  }
}
