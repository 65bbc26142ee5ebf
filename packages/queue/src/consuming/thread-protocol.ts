/** A job as it is sent into a thread: what can be cloned of `RunningJob`. */
export interface ThreadJob {
  readonly id: string;
  readonly name: string;
  readonly queue: string;
  readonly data: unknown;
  readonly attempt: number;
  readonly attempts: number;
  readonly idempotencyKey: string;
}

/** What a thread asks of its job: a method of `RunningJob`, answered with the number of the call. */
export type ThreadCall = 'progress' | 'log' | 'children';

export type ThreadMessage =
  | { readonly kind: 'call'; readonly call: number; readonly method: ThreadCall; readonly value: unknown }
  | { readonly kind: 'done'; readonly result: unknown }
  | { readonly kind: 'failed'; readonly error: ThreadError };

/** The parts of an error that survive the way out of a thread. */
export interface ThreadError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly code: string | undefined;
  /** Of a `RetryLaterError`. */
  readonly delayMs: number | undefined;
}

/** What a thread is started with: the URLs of modules. */
export interface ThreadStart {
  /** Imported before the handler, in this order. */
  readonly preload: readonly string[];
  readonly handler: string;
}

/** To the thread: a job to run, or that a call was carried out, or why not. */
export type ThreadRequest =
  | { readonly kind: 'run'; readonly job: ThreadJob }
  | { readonly kind: 'answer'; readonly call: number; readonly value?: unknown; readonly error?: string };
