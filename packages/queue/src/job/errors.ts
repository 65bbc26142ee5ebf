import { HoldfastError, type ErrorDefinition, type FieldIssue, type HoldfastErrorOptions } from '@holdfast/redis-core';

/** The catalogue of this package; `docs/reference/errors.md` is generated from the catalogues. */
export const queueErrors = {
  unknownQueue: { code: 'QUEUE_UNKNOWN', status: 404, title: 'There is no queue of this name.' },
  disabledQueue: { code: 'QUEUE_DISABLED', status: 404, title: 'The queue of this name is turned off.' },
  invalidJob: { code: 'JOB_INVALID', status: 422, title: 'The data of the job does not fit the schema of its queue.' },
  invalidOptions: { code: 'JOB_OPTIONS_INVALID', status: 400, title: 'The options of the job are not allowed.' },
  jobState: { code: 'JOB_STATE_CONFLICT', status: 409, title: 'The state of the job does not allow it.' },
  eventsOverflow: {
    code: 'EVENTS_OVERFLOW',
    status: 503,
    title: 'The events of the job came faster than they were read.',
    retryable: true,
  },
  jobTooLarge: { code: 'JOB_TOO_LARGE', status: 413, title: 'The data of the job is too large.' },
  unavailable: {
    code: 'QUEUE_UNAVAILABLE',
    status: 503,
    title: 'The store of the queue cannot be reached; nothing was changed.',
    retryable: true,
    retryAfterMs: 1000,
  },
  outcomeUnknown: {
    code: 'QUEUE_OUTCOME_UNKNOWN',
    status: 503,
    title: 'The store of the queue did not answer in time; what was asked for may or may not have been done.',
    retryable: true,
    retryAfterMs: 1000,
  },
  busy: {
    code: 'QUEUE_BUSY',
    status: 503,
    title: 'Too many jobs wait for the answer of the store of the queue; nothing was added.',
    retryable: true,
    retryAfterMs: 1000,
  },
  addAborted: {
    code: 'JOB_ADD_ABORTED',
    status: 503,
    title: 'The call was ended before this job was added; nothing was added.',
    retryable: true,
  },
  outOfMemory: {
    code: 'QUEUE_OUT_OF_MEMORY',
    status: 507,
    title: 'The Redis of the queue is out of memory and refused the job.',
    retryable: true,
    retryAfterMs: 5000,
  },
  outboxFull: {
    code: 'OUTBOX_FULL',
    status: 503,
    title: 'The store of the queue is away, and the outbox has no room for the job.',
    retryable: true,
    retryAfterMs: 5000,
  },
  outbox: {
    code: 'OUTBOX_UNAVAILABLE',
    status: 503,
    title: 'The store of the queue is away, and the outbox cannot keep the job safely.',
    retryable: true,
    retryAfterMs: 5000,
  },
  outboxUnknown: {
    code: 'OUTBOX_UNKNOWN',
    status: 503,
    title:
      'The disk of the outbox did not answer in time: the job may or may not be kept. Adding it again under its id is safe.',
    retryable: true,
    retryAfterMs: 5000,
  },
  outboxUndecided: {
    code: 'OUTBOX_UNDECIDED',
    status: 409,
    title: 'The job was sent too long ago to tell whether it has run: forwarding it may run it twice.',
  },
  flowUnsupported: {
    code: 'FLOW_UNSUPPORTED',
    status: 422,
    title: 'A flow over several queues cannot be kept by a Redis Cluster, where each queue has a slot of its own.',
  },
  flowConflict: {
    code: 'FLOW_CONFLICT',
    status: 409,
    title: 'A job of the flow has the id of a job that exists; nothing was added.',
  },
  definition: { code: 'QUEUE_DEFINITION_INVALID', status: 500, title: 'A queue is defined in a way that cannot work.' },
  folderLocked: {
    code: 'EMBEDDED_FOLDER_LOCKED',
    status: 503,
    title: 'Another process uses the folder of the embedded queue.',
  },
  folderUnusable: {
    code: 'EMBEDDED_FOLDER_UNUSABLE',
    status: 503,
    title: 'The embedded queue cannot be opened in its folder.',
  },
  timeout: { code: 'JOB_TIMEOUT', status: 504, title: 'The job took longer than it may.' },
  cancelled: { code: 'JOB_CANCELLED', status: 409, title: 'The job was cancelled.' },
  expired: { code: 'JOB_EXPIRED', status: 410, title: 'The job waited longer than it may and was not run.' },
  lockLost: { code: 'JOB_LOCK_LOST', status: 409, title: 'The worker lost the job to another one.' },
  superseded: { code: 'JOB_SUPERSEDED', status: 409, title: 'Another run of the job ended first.' },
  crashedWorker: {
    code: 'JOB_CRASHED_WORKER',
    status: 500,
    title: 'The worker died as often while it ran the job as the queue allows: `maxCrashes`, 5 by default.',
  },
  childRemoved: {
    code: 'JOB_CHILD_REMOVED',
    status: 409,
    title: 'A job was removed that the job waited for, as its parent.',
  },
  removed: { code: 'JOB_REMOVED', status: 410, title: 'The job was removed before it had succeeded.' },
  interrupted: { code: 'JOB_INTERRUPTED', status: 503, title: 'The worker stopped before the job had finished.' },
} as const satisfies Record<string, ErrorDefinition>;

export class QueueUnknownError extends HoldfastError {
  constructor(name: string, known: readonly string[]) {
    super(queueErrors.unknownQueue, `There is no queue "${name}". Known: ${known.join(', ') || 'none'}.`);
  }
}

/** The configuration knows the queue and has turned it off. */
export class QueueDisabledError extends HoldfastError {
  constructor(name: string) {
    super(queueErrors.disabledQueue, `The queue "${name}" is turned off in the configuration.`);
  }
}

/** `issues[].path` are JSON pointers into the job's data. */
export class JobInvalidError extends HoldfastError {
  constructor(queue: string, issues: readonly FieldIssue[]) {
    const first = issues[0];
    const detail = first === undefined ? '' : ` ${first.path || '(the whole data)'}: ${first.message}.`;
    super(queueErrors.invalidJob, `The data does not fit the schema of the queue "${queue}".${detail}`, { issues });
  }
}

/** `issues[].path` are JSON pointers into the request: `/options/attempts`. */
export class JobOptionsInvalidError extends HoldfastError {
  constructor(issues: readonly FieldIssue[]) {
    super(queueErrors.invalidOptions, issues.map((issue) => `${issue.path}: ${issue.message}`).join(' '), { issues });
  }
}

/** What was asked for does not fit the state that the job is in; nothing was changed. */
export class JobStateError extends HoldfastError {
  /** @param why goes on after "The job is <state>: it …" */
  constructor(id: string, state: string, why: string) {
    super(queueErrors.jobState, `The job ${id} is ${state}: it ${why}.`);
  }
}

/** Whoever watches a job reads too slowly; he may go on where he was. */
export class EventsOverflowError extends HoldfastError {
  constructor() {
    super(queueErrors.eventsOverflow, 'More events have come than are kept for a slow reader.');
  }
}

export class JobTooLargeError extends HoldfastError {
  constructor(bytes: number, maximum: number) {
    super(queueErrors.jobTooLarge, `The data has ${bytes} bytes as JSON; at most ${maximum} are allowed.`);
  }
}

/** Nothing was changed and nothing will be changed later: the same call may be made again. */
export class QueueUnavailableError extends HoldfastError {
  constructor(message: string, options?: HoldfastErrorOptions) {
    super(queueErrors.unavailable, message, options);
  }
}

/**
 * What was asked for may have been done before the connection was lost. Asking again is safe: for a job that was added, under
 * `jobId`.
 */
export class QueueOutcomeUnknownError extends HoldfastError {
  /** Of an add: the id that the job has if it was added. */
  readonly jobId: string | undefined;

  constructor(message: string, options: HoldfastErrorOptions & { readonly jobId?: string } = {}) {
    super(queueErrors.outcomeUnknown, message, options);
    this.jobId = options.jobId;
  }
}

/** Nothing was added. */
export class QueueBusyError extends HoldfastError {
  constructor(queue: string, pending: number) {
    super(queueErrors.busy, `${pending} jobs wait for the answer of the store of the queue "${queue}" already.`);
  }
}

/** Nothing was added. */
export class JobAddAbortedError extends HoldfastError {
  constructor() {
    super(queueErrors.addAborted, 'The call was ended before this job was added.');
  }
}

export class QueueOutOfMemoryError extends HoldfastError {
  constructor(message: string, options?: HoldfastErrorOptions) {
    super(queueErrors.outOfMemory, message, options);
  }
}

/** The outbox is as large as it may be, or its disk as full. Nothing was stored. */
export class OutboxFullError extends HoldfastError {
  constructor(message: string, options?: HoldfastErrorOptions) {
    super(queueErrors.outboxFull, message, options);
  }
}

/** The file of the outbox cannot be used: its disk fails, or another process has it. Nothing was acknowledged. */
export class OutboxError extends HoldfastError {
  constructor(message: string, options?: HoldfastErrorOptions) {
    super(queueErrors.outbox, message, options);
  }
}

/** The disk of the outbox did not answer in time: nobody knows whether it was done. It is safe to do it again. */
export class OutboxUnknownError extends HoldfastError {
  /** The id that the job has if it is kept. */
  readonly jobId: string | undefined;

  constructor(message: string, options: HoldfastErrorOptions & { readonly jobId?: string } = {}) {
    super(queueErrors.outboxUnknown, message, options);
    this.jobId = options.jobId;
  }
}

export class QueueDefinitionError extends HoldfastError {
  constructor(message: string) {
    super(queueErrors.definition, message);
  }
}

export class EmbeddedFolderLockedError extends HoldfastError {
  /** Of the process that holds the folder, where it could be read. */
  readonly holderPid: number | undefined;

  constructor(directory: string, holderPid: number | undefined) {
    const holder = holderPid === undefined ? 'another process' : `process ${holderPid}`;
    super(
      queueErrors.folderLocked,
      `The folder ${directory} is in use by ${holder}. Stop it first, or choose another folder: two processes on one folder would lose jobs.`,
    );
    this.holderPid = holderPid;
  }
}

/** The folder of the embedded queue is none, or cannot be written to, or the database in it does not open. */
export class EmbeddedFolderUnusableError extends HoldfastError {
  constructor(directory: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(
      queueErrors.folderUnusable,
      `The embedded queue cannot be opened in ${directory} (${reason})${whatToDoAbout(reason)}`,
      { cause },
    );
  }
}

function whatToDoAbout(reason: string): string {
  if (/^E[A-Z]+:|unable to open|readonly database|disk/.test(reason)) {
    return ': it has to be a folder that this process may write to, on a disk with room.';
  }
  // What PostgreSQL as WebAssembly says of files that it cannot make anything of.
  if (/Aborted|unreachable|out of bounds|ended with code/.test(reason)) {
    return ': the database in it is damaged, or its disk is full. Where it is damaged, move the folder away: it keeps its jobs, and the next start makes a new one.';
  }
  return '.';
}

export class FlowUnsupportedError extends HoldfastError {
  constructor(queues: readonly string[]) {
    super(
      queueErrors.flowUnsupported,
      `A flow over the queues ${queues.join(', ')} is not possible in a Redis Cluster: parent and children must be in one slot, and each queue has its own. Keep the flow in one queue, or use a Redis that is no cluster.`,
    );
  }
}

export class FlowConflictError extends HoldfastError {
  constructor(job: string) {
    super(queueErrors.flowConflict, `The job ${job} of the flow exists already; nothing was added.`);
  }
}

/** Recorded on a job whose handler did not end within its timeout. */
export class JobTimeoutError extends HoldfastError {
  constructor(timeoutMs: number) {
    super(queueErrors.timeout, `The job did not end within ${timeoutMs} ms.`);
  }
}

/** The reason of a handler's `AbortSignal` when the worker stops before the handler has ended. */
export class JobInterruptedError extends HoldfastError {
  constructor(message: string) {
    super(queueErrors.interrupted, message);
  }
}

/** The reason of a handler's `AbortSignal`, and of the end of the job, when somebody cancelled it. */
export class JobCancelledError extends HoldfastError {
  constructor(reason: string) {
    super(queueErrors.cancelled, reason);
  }
}

/** Recorded on a job that waited longer than its `waitingTtlMs` for its first run. */
export class JobExpiredError extends HoldfastError {
  constructor(waitedMs: number, waitingTtlMs: number) {
    super(queueErrors.expired, `The job waited ${waitedMs} ms; it was not to run after ${waitingTtlMs} ms.`);
  }
}

/**
 * The reason of a handler's `AbortSignal` when another run of its job has ended first: this worker was out of reach for a
 * while, so that the job was given to another one as well, and the first result is kept.
 */
export class JobSupersededError extends HoldfastError {
  constructor() {
    super(queueErrors.superseded, 'Another run of this job ended first: this worker was out of reach for too long.');
  }
}

/** The reason of a handler's `AbortSignal` when its result no longer counts: somebody else has the job. */
export class JobLockLostError extends HoldfastError {
  constructor() {
    super(queueErrors.lockLost, 'This worker was out of reach for too long, and the job was given to another one.');
  }
}

/** Thrown by a handler that knows when the next attempt makes sense: it follows then, whatever the back-off says. */
export class RetryLaterError extends Error {
  /** Milliseconds from now, from 1. */
  readonly delayMs: number;
  /** Recorded with the job. Upper case, as in the catalogues. */
  readonly code: string;

  constructor(
    message: string,
    options: { readonly delayMs: number; readonly code?: string; readonly cause?: unknown },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'RetryLaterError';
    this.code = options.code ?? 'JOB_FAILED';
    this.delayMs = Math.max(1, Math.round(options.delayMs));
  }
}

/** Thrown by a handler for what no further attempt can mend: the job fails at once, whatever attempts are left. */
export class PermanentError extends Error {
  /** Recorded with the job. Upper case, as in the catalogues. */
  readonly code: string;

  constructor(message: string, options: { readonly code?: string; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'PermanentError';
    this.code = options.code ?? 'JOB_FAILED';
  }
}
