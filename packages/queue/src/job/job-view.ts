/** As BullMQ names them; `prioritized` is a job that waits with a priority, which here is every job that waits. */
export type JobState =
  | 'waiting'
  | 'prioritized'
  | 'active'
  | 'delayed'
  | 'completed'
  | 'failed'
  | 'waiting-children'
  /** Accepted while the store was away, and not in it yet. */
  | 'outbox'
  | 'unknown';

/** A job as the outside sees it; times are ISO 8601 UTC. */
export interface JobView<Result = unknown> {
  readonly id: string;
  readonly queue: string;
  readonly name: string;
  readonly state: JobState;
  readonly data: unknown;
  /** Once completed. */
  readonly result?: Result;
  /** Of the last attempt that failed. */
  readonly error?: JobErrorView;
  readonly progress: unknown;
  readonly attemptsMade: number;
  readonly createdAt: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  /** The newest lines, oldest first; absent when there are none. */
  readonly logs?: readonly string[];
  /**
   * What its store holds of it, but cannot be read, or is missing; absent where all is well. What is shown in the place of
   * such a field is the text that is there, or else nothing: an empty name, `{}` as data, 1970 as the time.
   */
  readonly damaged?: readonly string[];
}

export interface JobErrorView {
  readonly code: string;
  readonly message: string;
}

/** The parts of a BullMQ job that a view is made of. */
export interface StoredJob {
  readonly id?: string | undefined;
  readonly name: string;
  readonly data: unknown;
  readonly progress: unknown;
  readonly attemptsMade: number;
  readonly timestamp: number;
  readonly processedOn?: number | undefined;
  readonly finishedOn?: number | undefined;
  readonly failedReason?: string | undefined;
  readonly returnvalue?: unknown;
  /** See `JobView.damaged`. */
  readonly damaged?: readonly string[];
}

export function toJobView(
  queue: string,
  id: string,
  job: StoredJob,
  state: JobState,
  logs: readonly string[],
): JobView {
  return {
    id,
    queue,
    name: job.name,
    state,
    data: job.data,
    ...(state === 'completed' && { result: job.returnvalue ?? null }),
    ...(job.failedReason !== undefined && state !== 'completed' && { error: parseFailure(job.failedReason) }),
    progress: job.progress,
    attemptsMade: job.attemptsMade,
    createdAt: isoTime(job.timestamp),
    ...(job.processedOn !== undefined && { startedAt: isoTime(job.processedOn) }),
    ...(job.finishedOn !== undefined && { finishedAt: isoTime(job.finishedOn) }),
    ...(logs.length > 0 && { logs }),
    ...(job.damaged !== undefined && { damaged: job.damaged }),
  };
}

export function isFinished(state: JobState): boolean {
  return state === 'completed' || state === 'failed';
}

/** BullMQ keeps one line for a failure: `CODE: message` holds both parts and stays readable in any tool. */
export function formatFailure(code: string, message: string): string {
  return `${code}: ${message}`;
}

export function parseFailure(reason: string): JobErrorView {
  const parts = /^([A-Z][A-Z0-9_]{2,63}): (.*)$/s.exec(reason);
  return { code: parts?.[1] ?? 'JOB_FAILED', message: parts?.[2] ?? reason };
}

export function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
