/**
 * The base of every error that Holdfast raises on purpose. `code` is stable and part of the API; `status` is the HTTP
 * status a service should answer with; `retryable` says whether the same call may succeed later.
 */
export class HoldfastError extends Error {
  readonly code: string;
  readonly status: number;
  readonly retryable: boolean;
  /** How long a caller should wait before the next try, where that is known. */
  readonly retryAfterMs: number | undefined;
  /** The parts of the input that are wrong, where it is the input. */
  readonly issues: readonly FieldIssue[];

  constructor(definition: ErrorDefinition, message: string, options: HoldfastErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = definition.code;
    this.status = definition.status;
    this.retryable = definition.retryable ?? false;
    this.retryAfterMs = options.retryAfterMs ?? definition.retryAfterMs;
    this.issues = options.issues ?? [];
  }
}

export interface ErrorDefinition {
  readonly code: string;
  readonly status: number;
  /** One sentence, the same for every occurrence. */
  readonly title: string;
  readonly retryable?: boolean;
  readonly retryAfterMs?: number;
}

export interface FieldIssue {
  /** A JSON pointer into the body, or a name such as `query.ttl`, `params.key`. */
  readonly path: string;
  readonly message: string;
}

export interface HoldfastErrorOptions {
  readonly cause?: unknown;
  readonly retryAfterMs?: number;
  readonly issues?: readonly FieldIssue[];
}

/** The catalogue of this package; `docs/reference/errors.md` is generated from the catalogues. */
export const redisErrors = {
  unavailable: {
    code: 'REDIS_UNAVAILABLE',
    status: 503,
    title: 'Redis cannot be reached; nothing was changed.',
    retryable: true,
    retryAfterMs: 1000,
  },
  unknownOutcome: {
    code: 'REDIS_UNKNOWN_OUTCOME',
    status: 503,
    title: 'Redis did not answer in time; the change may or may not have been made.',
    retryable: true,
    retryAfterMs: 1000,
  },
  wrongType: {
    code: 'REDIS_WRONG_TYPE',
    status: 409,
    title: 'The key holds another type of value.',
  },
  requestTooLarge: {
    code: 'REDIS_REQUEST_TOO_LARGE',
    status: 413,
    title: 'This Redis does not take so much in one request; nothing was changed.',
  },
  outOfMemory: {
    code: 'REDIS_OUT_OF_MEMORY',
    status: 507,
    title: 'Redis is out of memory and refused the write.',
    retryable: true,
    retryAfterMs: 5000,
  },
  readOnly: {
    code: 'REDIS_READ_ONLY',
    status: 503,
    title: 'Redis refuses writes (a replica, or its disk is full).',
    retryable: true,
    retryAfterMs: 5000,
  },
  accessRefused: {
    code: 'REDIS_ACCESS_REFUSED',
    status: 503,
    title: 'Redis does not let the configured user do this; nothing was changed.',
    retryAfterMs: 30_000,
  },
  command: {
    code: 'REDIS_COMMAND_FAILED',
    status: 502,
    title: 'Redis rejected a command.',
  },
  invalidKey: {
    code: 'KEY_INVALID',
    status: 400,
    title: 'A key or a name is not allowed.',
  },
  notSerializable: {
    code: 'VALUE_NOT_SERIALIZABLE',
    status: 400,
    title: 'A value cannot be stored.',
  },
  corruptValue: {
    code: 'VALUE_CORRUPT',
    status: 500,
    title: 'A stored value cannot be read.',
  },
  journal: {
    code: 'JOURNAL_UNAVAILABLE',
    status: 503,
    title: 'A change that has to wait for Redis could not be noted on disk.',
    retryable: true,
    retryAfterMs: 5000,
  },
  cancelled: {
    code: 'CANCELLED',
    status: 499,
    title: 'The caller gave up before this was done; nothing was changed.',
    retryable: true,
  },
  optionInvalid: {
    code: 'OPTION_INVALID',
    status: 500,
    title: 'A program uses a package of Holdfast with an option that is not allowed.',
  },
  unsupported: {
    code: 'NOT_SUPPORTED',
    status: 501,
    title: 'This is not available in the mode that the service runs in.',
  },
} as const satisfies Record<string, ErrorDefinition>;

/** Certainly not applied: the connection is down, or the call was never sent. */
export class UnavailableError extends HoldfastError {
  constructor(message: string, options?: HoldfastErrorOptions) {
    super(redisErrors.unavailable, message, options);
  }
}

/** Redis is there and replied that it cannot serve this now; it applied nothing. */
export class NotReadyError extends UnavailableError {}

/** Sent, but the reply was lost or late: it may have been applied. */
export class UnknownOutcomeError extends HoldfastError {
  constructor(message: string, options?: HoldfastErrorOptions) {
    super(redisErrors.unknownOutcome, message, options);
  }
}

export class WrongTypeError extends HoldfastError {
  constructor(message: string, options?: HoldfastErrorOptions) {
    super(redisErrors.wrongType, message, options);
  }
}

/** What is sent (or, of a read, what would be replied) is more than the server takes at once: certainly not applied. */
export class RequestTooLargeError extends HoldfastError {
  constructor(message: string, options?: HoldfastErrorOptions) {
    super(redisErrors.requestTooLarge, message, options);
  }
}

export class OutOfMemoryError extends HoldfastError {
  constructor(message: string, options?: HoldfastErrorOptions) {
    super(redisErrors.outOfMemory, message, options);
  }
}

export class ReadOnlyError extends HoldfastError {
  constructor(message: string, options?: HoldfastErrorOptions) {
    super(redisErrors.readOnly, message, options);
  }
}

/** The user with which this process is connected may not do that: somebody has to change its rules (ACL). */
export class AccessRefusedError extends HoldfastError {
  constructor(message: string, options?: HoldfastErrorOptions) {
    super(redisErrors.accessRefused, message, options);
  }
}

/** Redis answered with an error that has no class of its own. */
export class CommandError extends HoldfastError {
  constructor(message: string, options?: HoldfastErrorOptions) {
    super(redisErrors.command, message, options);
  }
}

export class InvalidKeyError extends HoldfastError {
  constructor(message: string, options?: HoldfastErrorOptions) {
    super(redisErrors.invalidKey, message, options);
  }
}

/** `issues[0].path` is the JSON pointer of the value that cannot be stored. */
export class NotSerializableError extends HoldfastError {
  constructor(message: string, options?: HoldfastErrorOptions) {
    super(redisErrors.notSerializable, message, options);
  }
}

export class CorruptValueError extends HoldfastError {
  constructor(message: string, options?: HoldfastErrorOptions) {
    super(redisErrors.corruptValue, message, options);
  }
}

/** Certainly not applied: it was cancelled before it was sent. */
export class CancelledError extends HoldfastError {
  constructor(message: string, options?: HoldfastErrorOptions) {
    super(redisErrors.cancelled, message, options);
  }
}

export class UnsupportedError extends HoldfastError {
  constructor(message: string, options?: HoldfastErrorOptions) {
    super(redisErrors.unsupported, message, options);
  }
}

/** A program has given an option a value that is not allowed, or one that does not exist; `issues[0].path` is its name. */
export class OptionInvalidError extends HoldfastError {
  /** `problem` follows the option's name, without a full stop. */
  constructor(owner: string, name: string, problem: string) {
    const issues = [{ path: name, message: problem }];
    super(redisErrors.optionInvalid, `The option ${JSON.stringify(name)} of ${owner} ${problem}.`, { issues });
  }
}
