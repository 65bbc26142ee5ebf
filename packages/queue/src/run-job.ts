import type { Job } from 'bullmq';
import { JobTimeoutError } from './errors.ts';
import { childrenOf } from './flows/children.ts';
import type { ChildResult } from './flows/flow.ts';
import { maxLogLineLength } from './limits.ts';
import { storableResult, storableText } from './storable.ts';

/** A job as its handler sees it. */
export interface RunningJob<Data = unknown> {
  readonly id: string;
  readonly name: string;
  readonly queue: string;
  readonly data: Data;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** How many there may be at most. */
  readonly attempts: number;
  /** The same for all attempts of this job and of no other: hand it on to whatever the job changes. */
  readonly idempotencyKey: string;
  /** Aborted at the timeout, when the worker stops, or when the job's lock is lost. */
  readonly signal: AbortSignal;
  /** What the jobs that this one waited for came to: see `Queues.addFlow`. Empty for any other job. */
  children(): Promise<ChildResult[]>;
  /** Any JSON; seen by whoever asks for the job. */
  progress(value: unknown): Promise<void>;
  /** Keeps a line with the job: the newest 1000, each cut to 8192 characters. */
  log(line: string): Promise<void>;
}

/** Its result is stored with the job as JSON. Throw `PermanentError` for what another attempt cannot mend. */
export type Handler<Data = unknown> = (job: RunningJob<Data>) => Promise<unknown>;

export interface RunJobOptions<Data> {
  readonly queue: string;
  readonly job: Job;
  readonly handler: Handler<Data>;
  readonly timeoutMs: number;
  readonly signals: readonly AbortSignal[];
  readonly onProgress: () => void;
}

/**
 * Runs one attempt. When a signal or the timeout comes first, it ends with that reason, whatever the handler does: a
 * handler that ignores its signal goes on by itself, but it no longer holds the worker.
 */
export async function runJob<Data>(options: RunJobOptions<Data>): Promise<unknown> {
  const { queue, job, handler, timeoutMs, onProgress } = options;
  const id = job.id ?? '';
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(new JobTimeoutError(timeoutMs)), timeoutMs);
  const signal = AbortSignal.any([timeout.signal, ...options.signals]);
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    const running = handler({
      id,
      name: job.name,
      queue,
      data: job.data as Data,
      attempt: job.attemptsMade + 1,
      attempts: job.opts.attempts ?? 1,
      idempotencyKey: `${queue}:${id}`,
      signal,
      children: async () => childrenOf(job),
      progress: async (value) => {
        onProgress();
        await job.updateProgress(storableResult(value) as Parameters<Job['updateProgress']>[0]);
      },
      log: async (line) => {
        await job.log(storableText(line.slice(0, maxLogLineLength)));
      },
    });
    return await Promise.race([running, aborted.promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
    aborted.promise.catch(() => undefined);
  }
}
