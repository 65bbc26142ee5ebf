import type { ErrorDefinition } from '@holdfast/redis-core';
import { HoldfastError } from '@holdfast/redis-core';

/** The catalogue of the REST service: what goes wrong between a request and the library that answers it. */
export const apiErrors = {
  requestInvalid: {
    code: 'REQUEST_INVALID',
    status: 400,
    title: 'The request does not have the form that this route expects.',
  },
  malformedRequest: {
    code: 'REQUEST_MALFORMED',
    status: 400,
    title: 'The bytes that arrived are not a valid HTTP request.',
  },
  urlInvalid: {
    code: 'URL_INVALID',
    status: 400,
    title: 'The URL cannot be decoded.',
  },
  bodyInvalidJson: {
    code: 'BODY_INVALID_JSON',
    status: 400,
    title: 'The body is not valid JSON.',
  },
  jsonTooDeep: {
    code: 'JSON_TOO_DEEP',
    status: 400,
    title: 'The JSON is nested deeper than 200 levels.',
  },
  unauthenticated: {
    code: 'UNAUTHENTICATED',
    status: 401,
    title: 'The request carries no API key that is known here.',
  },
  insufficientScope: {
    code: 'INSUFFICIENT_SCOPE',
    status: 403,
    title: 'The API key does not have the scope that this route needs.',
  },
  crossSite: {
    code: 'CROSS_SITE_REQUEST',
    status: 403,
    title: 'The request was made by a page of another site.',
  },
  namespaceForbidden: {
    code: 'NAMESPACE_FORBIDDEN',
    status: 403,
    title: 'The API key is not valid for this namespace.',
  },
  routeNotFound: {
    code: 'ROUTE_NOT_FOUND',
    status: 404,
    title: 'There is no such route.',
  },
  entryNotFound: {
    code: 'ENTRY_NOT_FOUND',
    status: 404,
    title: 'The cache holds nothing under this key.',
  },
  jobNotFound: {
    code: 'JOB_NOT_FOUND',
    status: 404,
    title: 'The queue has no job with this id (any more).',
  },
  scheduleNotFound: {
    code: 'SCHEDULE_NOT_FOUND',
    status: 404,
    title: 'The queue has no schedule with this id.',
  },
  itemNotFound: {
    code: 'ITEM_NOT_FOUND',
    status: 404,
    title: 'The mirror of this source has no such item.',
  },
  methodNotAllowed: {
    code: 'METHOD_NOT_ALLOWED',
    status: 405,
    title: 'The route exists, but not with this method.',
  },
  requestTimeout: {
    code: 'REQUEST_TIMEOUT',
    status: 408,
    title: 'The request did not arrive completely in time.',
    retryable: true,
  },
  preconditionFailed: {
    code: 'PRECONDITION_FAILED',
    status: 412,
    title: 'The condition of the request does not hold.',
  },
  bodyTooLarge: {
    code: 'BODY_TOO_LARGE',
    status: 413,
    title: 'The body is larger than this route accepts.',
  },
  jsonTooManyMembers: {
    code: 'JSON_TOO_MANY_MEMBERS',
    status: 413,
    title: 'The JSON has more in it than one of its size may have.',
  },
  unsupportedMediaType: {
    code: 'UNSUPPORTED_MEDIA_TYPE',
    status: 415,
    title: 'This route does not take a body of this type.',
  },
  expectationFailed: {
    code: 'EXPECTATION_FAILED',
    status: 417,
    title: 'The Expect header asks for something that this service does not know.',
  },
  headersTooLarge: {
    code: 'HEADERS_TOO_LARGE',
    status: 431,
    title: 'The URL and the headers are larger than 16 KiB together.',
  },
  internal: {
    code: 'INTERNAL',
    status: 500,
    title: 'The service failed in a way that it does not know; the log has the request id.',
  },
  upstreamNotConfigured: {
    code: 'UPSTREAM_NOT_CONFIGURED',
    status: 501,
    title: 'The service has no upstream API to mirror: NOVITA_API_BASE_URL is not set.',
  },
  tooManyStreams: {
    code: 'TOO_MANY_STREAMS',
    status: 503,
    title: 'This process serves as many event streams as it can.',
    retryable: true,
    retryAfterMs: 5000,
  },
  overloaded: {
    code: 'OVERLOADED',
    status: 503,
    title: 'The process has as much to do as it can; nothing was done for this request.',
    retryable: true,
    retryAfterMs: 1000,
  },
  handlerTimeout: {
    code: 'HANDLER_TIMEOUT',
    status: 503,
    title: 'The answer was not ready within REQUEST_TIMEOUT; a change may still be made.',
    retryable: true,
    retryAfterMs: 1000,
  },
} as const satisfies Record<string, ErrorDefinition>;

/** Raised by the service itself. The libraries raise their own subclasses of `HoldfastError`. */
export class ApiError extends HoldfastError {}

/** A part of the request is wrong: `path` is a JSON pointer into the body or a name such as `query.ttl`. */
export function invalidRequest(path: string, message: string): ApiError {
  return new ApiError(apiErrors.requestInvalid, `${path}: ${message}`, { issues: [{ path, message }] });
}
