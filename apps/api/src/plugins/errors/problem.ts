import type { Problem } from '@holdfast/contract';
import type { HoldfastError } from '@holdfast/redis-core';
import { errorTitle } from './error-catalogue.ts';

export const problemContentType = 'application/problem+json; charset=utf-8';

/**
 * The document for an error. `type` and `instance` are URNs: there is no page on the network that every installation
 * could point to, and a URL with the path of the request would repeat keys, which are user data.
 */
export function toProblem(error: HoldfastError, requestId: string): Problem {
  return {
    type: `urn:holdfast:error:${error.code}`,
    title: errorTitle(error.code),
    status: error.status,
    detail: error.message,
    instance: `urn:holdfast:request:${requestId}`,
    code: error.code,
    ...(error.issues.length > 0 ? { errors: [...error.issues] } : {}),
  };
}

/** Whole seconds for `Retry-After`, rounded up; `undefined` when there is nothing to say. */
export function retryAfterSeconds(error: HoldfastError): number | undefined {
  return error.retryAfterMs === undefined ? undefined : Math.max(1, Math.ceil(error.retryAfterMs / 1000));
}
