/** What is known of an error before it occurs. */
export interface ErrorCodeDefinition {
  readonly status: number;
  /** One sentence, the same in every answer. */
  readonly title: string;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  /** After how long, where that is known; `Retry-After` says it in seconds. */
  readonly retryAfterMs?: number;
}

/**
 * Every code that an answer can carry, alone or as that of a job or of one of many items. The libraries behind the service define
 * them; a test of `apps/api` compares.
 */
export const errorCodes = {
  // @holdfast/api
  BODY_INVALID_JSON: { status: 400, title: 'The body is not valid JSON.', retryable: false },
  JSON_TOO_DEEP: { status: 400, title: 'The JSON is nested deeper than 200 levels.', retryable: false },
  REQUEST_INVALID: {
    status: 400,
    title: 'The request does not have the form that this route expects.',
    retryable: false,
  },
  REQUEST_MALFORMED: { status: 400, title: 'The bytes that arrived are not a valid HTTP request.', retryable: false },
  URL_INVALID: { status: 400, title: 'The URL cannot be decoded.', retryable: false },
  UNAUTHENTICATED: { status: 401, title: 'The request carries no API key that is known here.', retryable: false },
  CROSS_SITE_REQUEST: { status: 403, title: 'The request was made by a page of another site.', retryable: false },
  INSUFFICIENT_SCOPE: {
    status: 403,
    title: 'The API key does not have the scope that this route needs.',
    retryable: false,
  },
  NAMESPACE_FORBIDDEN: { status: 403, title: 'The API key is not valid for this namespace.', retryable: false },
  ENTRY_NOT_FOUND: { status: 404, title: 'The cache holds nothing under this key.', retryable: false },
  ITEM_NOT_FOUND: { status: 404, title: 'The mirror of this source has no such item.', retryable: false },
  JOB_NOT_FOUND: { status: 404, title: 'The queue has no job with this id (any more).', retryable: false },
  ROUTE_NOT_FOUND: { status: 404, title: 'There is no such route.', retryable: false },
  SCHEDULE_NOT_FOUND: { status: 404, title: 'The queue has no schedule with this id.', retryable: false },
  METHOD_NOT_ALLOWED: { status: 405, title: 'The route exists, but not with this method.', retryable: false },
  REQUEST_TIMEOUT: { status: 408, title: 'The request did not arrive completely in time.', retryable: true },
  PRECONDITION_FAILED: { status: 412, title: 'The condition of the request does not hold.', retryable: false },
  BODY_TOO_LARGE: { status: 413, title: 'The body is larger than this route accepts.', retryable: false },
  JSON_TOO_MANY_MEMBERS: {
    status: 413,
    title: 'The JSON has more in it than one of its size may have.',
    retryable: false,
  },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: 'This route does not take a body of this type.', retryable: false },
  EXPECTATION_FAILED: {
    status: 417,
    title: 'The Expect header asks for something that this service does not know.',
    retryable: false,
  },
  HEADERS_TOO_LARGE: {
    status: 431,
    title: 'The URL and the headers are larger than 16 KiB together.',
    retryable: false,
  },
  INTERNAL: {
    status: 500,
    title: 'The service failed in a way that it does not know; the log has the request id.',
    retryable: false,
  },
  UPSTREAM_NOT_CONFIGURED: {
    status: 501,
    title: 'The service has no upstream API to mirror: NOVITA_API_BASE_URL is not set.',
    retryable: false,
  },
  HANDLER_TIMEOUT: {
    status: 503,
    title: 'The answer was not ready within REQUEST_TIMEOUT; a change may still be made.',
    retryable: true,
    retryAfterMs: 1000,
  },
  OVERLOADED: {
    status: 503,
    title: 'The process has as much to do as it can; nothing was done for this request.',
    retryable: true,
    retryAfterMs: 1000,
  },
  TOO_MANY_STREAMS: {
    status: 503,
    title: 'This process serves as many event streams as it can.',
    retryable: true,
    retryAfterMs: 5000,
  },
  // @holdfast/redis-core
  KEY_INVALID: { status: 400, title: 'A key or a name is not allowed.', retryable: false },
  VALUE_NOT_SERIALIZABLE: { status: 400, title: 'A value cannot be stored.', retryable: false },
  REDIS_WRONG_TYPE: { status: 409, title: 'The key holds another type of value.', retryable: false },
  REDIS_REQUEST_TOO_LARGE: {
    status: 413,
    title: 'This Redis does not take so much in one request; nothing was changed.',
    retryable: false,
  },
  CANCELLED: { status: 499, title: 'The caller gave up before this was done; nothing was changed.', retryable: true },
  OPTION_INVALID: {
    status: 500,
    title: 'A program uses a package of Holdfast with an option that is not allowed.',
    retryable: false,
  },
  VALUE_CORRUPT: { status: 500, title: 'A stored value cannot be read.', retryable: false },
  NOT_SUPPORTED: {
    status: 501,
    title: 'This is not available in the mode that the service runs in.',
    retryable: false,
  },
  REDIS_COMMAND_FAILED: { status: 502, title: 'Redis rejected a command.', retryable: false },
  JOURNAL_UNAVAILABLE: {
    status: 503,
    title: 'A change that has to wait for Redis could not be noted on disk.',
    retryable: true,
    retryAfterMs: 5000,
  },
  REDIS_ACCESS_REFUSED: {
    status: 503,
    title: 'Redis does not let the configured user do this; nothing was changed.',
    retryable: false,
    retryAfterMs: 30000,
  },
  REDIS_READ_ONLY: {
    status: 503,
    title: 'Redis refuses writes (a replica, or its disk is full).',
    retryable: true,
    retryAfterMs: 5000,
  },
  REDIS_UNAVAILABLE: {
    status: 503,
    title: 'Redis cannot be reached; nothing was changed.',
    retryable: true,
    retryAfterMs: 1000,
  },
  REDIS_UNKNOWN_OUTCOME: {
    status: 503,
    title: 'Redis did not answer in time; the change may or may not have been made.',
    retryable: true,
    retryAfterMs: 1000,
  },
  REDIS_OUT_OF_MEMORY: {
    status: 507,
    title: 'Redis is out of memory and refused the write.',
    retryable: true,
    retryAfterMs: 5000,
  },
  // @holdfast/cache
  TAG_INVALID: { status: 400, title: 'A tag is not allowed.', retryable: false },
  TTL_INVALID: { status: 400, title: 'The time to live is not allowed.', retryable: false },
  ENTITY_UNKNOWN: { status: 404, title: 'The entity type is not declared.', retryable: false },
  NAMESPACE_UNKNOWN: { status: 404, title: 'The cache namespace is not declared.', retryable: false },
  VALUE_TOO_LARGE: { status: 413, title: 'The value is larger than the namespace allows.', retryable: false },
  ENTITY_CASCADE_TOO_LARGE: {
    status: 422,
    title: 'The invalidation would reach more than is allowed; nothing was invalidated.',
    retryable: false,
  },
  ENTITY_GRAPH_INVALID: { status: 500, title: 'The declared entities do not fit together.', retryable: false },
  LOADER_FAILED: {
    status: 502,
    title: 'The value could not be loaded, and there was none to fall back on.',
    retryable: true,
  },
  BULK_ABORTED: {
    status: 503,
    title: 'The caller ended the bulk call before this key was reached: nothing was changed for it.',
    retryable: true,
  },
  LOADER_TIMEOUT: {
    status: 504,
    title: 'Loading the value took too long, and there was none to fall back on.',
    retryable: true,
  },
  // @holdfast/queue
  JOB_OPTIONS_INVALID: { status: 400, title: 'The options of the job are not allowed.', retryable: false },
  QUEUE_DISABLED: { status: 404, title: 'The queue of this name is turned off.', retryable: false },
  QUEUE_UNKNOWN: { status: 404, title: 'There is no queue of this name.', retryable: false },
  FLOW_CONFLICT: {
    status: 409,
    title: 'A job of the flow has the id of a job that exists; nothing was added.',
    retryable: false,
  },
  JOB_CANCELLED: { status: 409, title: 'The job was cancelled.', retryable: false },
  JOB_LOCK_LOST: { status: 409, title: 'The worker lost the job to another one.', retryable: false },
  JOB_STATE_CONFLICT: { status: 409, title: 'The state of the job does not allow it.', retryable: false },
  JOB_SUPERSEDED: { status: 409, title: 'Another run of the job ended first.', retryable: false },
  OUTBOX_UNDECIDED: {
    status: 409,
    title: 'The job was sent too long ago to tell whether it has run: forwarding it may run it twice.',
    retryable: false,
  },
  JOB_CHILD_REMOVED: {
    status: 409,
    title: 'A job was removed that the job waited for, as its parent.',
    retryable: false,
  },
  JOB_REMOVED: { status: 410, title: 'The job was removed before it had succeeded.', retryable: false },
  JOB_EXPIRED: { status: 410, title: 'The job waited longer than it may and was not run.', retryable: false },
  JOB_TOO_LARGE: { status: 413, title: 'The data of the job is too large.', retryable: false },
  FLOW_UNSUPPORTED: {
    status: 422,
    title: 'A flow over several queues cannot be kept by a Redis Cluster, where each queue has a slot of its own.',
    retryable: false,
  },
  JOB_INVALID: { status: 422, title: 'The data of the job does not fit the schema of its queue.', retryable: false },
  JOB_CRASHED_WORKER: {
    status: 500,
    title: 'The worker died as often while it ran the job as the queue allows: `maxCrashes`, 5 by default.',
    retryable: false,
  },
  QUEUE_DEFINITION_INVALID: { status: 500, title: 'A queue is defined in a way that cannot work.', retryable: false },
  EMBEDDED_FOLDER_LOCKED: {
    status: 503,
    title: 'Another process uses the folder of the embedded queue.',
    retryable: false,
  },
  EMBEDDED_FOLDER_UNUSABLE: {
    status: 503,
    title: 'The embedded queue cannot be opened in its folder.',
    retryable: false,
  },
  EVENTS_OVERFLOW: { status: 503, title: 'The events of the job came faster than they were read.', retryable: true },
  JOB_ADD_ABORTED: {
    status: 503,
    title: 'The call was ended before this job was added; nothing was added.',
    retryable: true,
  },
  JOB_INTERRUPTED: { status: 503, title: 'The worker stopped before the job had finished.', retryable: false },
  OUTBOX_FULL: {
    status: 503,
    title: 'The store of the queue is away, and the outbox has no room for the job.',
    retryable: true,
    retryAfterMs: 5000,
  },
  OUTBOX_UNAVAILABLE: {
    status: 503,
    title: 'The store of the queue is away, and the outbox cannot keep the job safely.',
    retryable: true,
    retryAfterMs: 5000,
  },
  OUTBOX_UNKNOWN: {
    status: 503,
    title:
      'The disk of the outbox did not answer in time: the job may or may not be kept. Adding it again under its id is safe.',
    retryable: true,
    retryAfterMs: 5000,
  },
  QUEUE_BUSY: {
    status: 503,
    title: 'Too many jobs wait for the answer of the store of the queue; nothing was added.',
    retryable: true,
    retryAfterMs: 1000,
  },
  QUEUE_OUTCOME_UNKNOWN: {
    status: 503,
    title: 'The store of the queue did not answer in time; what was asked for may or may not have been done.',
    retryable: true,
    retryAfterMs: 1000,
  },
  QUEUE_UNAVAILABLE: {
    status: 503,
    title: 'The store of the queue cannot be reached; nothing was changed.',
    retryable: true,
    retryAfterMs: 1000,
  },
  JOB_TIMEOUT: { status: 504, title: 'The job took longer than it may.', retryable: false },
  QUEUE_OUT_OF_MEMORY: {
    status: 507,
    title: 'The Redis of the queue is out of memory and refused the job.',
    retryable: true,
    retryAfterMs: 5000,
  },
  // @holdfast/sources
  SOURCE_CURSOR_INVALID: { status: 400, title: 'The cursor was not given out by this API.', retryable: false },
  SOURCE_DISABLED: { status: 404, title: 'The source of this name is turned off.', retryable: false },
  SOURCE_UNKNOWN: { status: 404, title: 'There is no source of this name.', retryable: false },
  UPSTREAM_URL_INVALID: { status: 500, title: 'The address or the key of an upstream is unusable.', retryable: false },
  SOURCE_EMPTY: {
    status: 502,
    title: 'The upstream has no items although the mirror does; the mirror was kept.',
    retryable: true,
  },
  UPSTREAM_CHANGING: { status: 502, title: 'The collection changed during each attempt to read it.', retryable: true },
  UPSTREAM_FAILED: {
    status: 502,
    title: 'The upstream answered with an error that may pass.',
    retryable: true,
    retryAfterMs: 5000,
  },
  UPSTREAM_INCOMPLETE: { status: 502, title: 'The upstream delivered less than it announced.', retryable: true },
  UPSTREAM_INVALID: {
    status: 502,
    title: 'The upstream answered with JSON of another shape than configured.',
    retryable: false,
  },
  UPSTREAM_NOT_JSON: { status: 502, title: 'The upstream answered with something that is not JSON.', retryable: true },
  UPSTREAM_PAGE_REPEATED: {
    status: 502,
    title: 'The upstream delivers the same page again and again.',
    retryable: true,
  },
  UPSTREAM_REJECTED: { status: 502, title: 'The upstream refused the request.', retryable: false },
  UPSTREAM_TOO_LARGE: { status: 502, title: 'The upstream delivers more than is allowed here.', retryable: false },
  UPSTREAM_UNREACHABLE: {
    status: 502,
    title: 'No answer came over the connection to the upstream.',
    retryable: true,
    retryAfterMs: 5000,
  },
  SOURCE_SYNC_ABORTED: {
    status: 503,
    title: 'The sync was cancelled before its end; nothing was pruned.',
    retryable: true,
  },
  SOURCE_WRITE_FAILED: {
    status: 503,
    title: 'Not every item could be written to the cache; nothing was pruned.',
    retryable: true,
    retryAfterMs: 1000,
  },
  UPSTREAM_TIMEOUT: { status: 504, title: 'The upstream did not answer in time.', retryable: true, retryAfterMs: 5000 },
} as const satisfies Readonly<Record<string, ErrorCodeDefinition>>;

export type ErrorCode = keyof typeof errorCodes;
