import type { Job } from 'bullmq';
import type { Interruption } from './consuming/interruption.ts';
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
  /** Aborted at the timeout, when the job is cancelled, when the worker stops, or when the job's lock is lost. */
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
  readonly interruption: Interruption;
  readonly onProgress: () => void;
}

/**
 * Runs one attempt. When it is told to stop, or the timeout comes first, it ends with that reason, whatever the handler
 * does: a handler that ignores its signal goes on by itself, but it no longer holds the worker.
 */
export async function runJob<Data>(options: RunJobOptions<Data>): Promise<unknown> {
  const { handler, timeoutMs, interruption } = options;
  const timer = setTimeout(() => interruption.raise(new JobTimeoutError(timeoutMs)), timeoutMs);
  try {
    // One promise instead of a race of two: this is most of what a short job costs.
    return await new Promise((resolve, reject) => {
      interruption.listen(reject);
      handler(runningJob(options)).then(resolve, reject);
    });
  } finally {
    clearTimeout(timer);
  }
}

function runningJob<Data>({ queue, job, interruption, onProgress }: RunJobOptions<Data>): RunningJob<Data> {
  const id = job.id ?? '';
  return {
    id,
    name: job.name,
    queue,
    data: job.data as Data,
    attempt: job.attemptsMade + 1,
    attempts: job.opts.attempts ?? 1,
    idempotencyKey: `${queue}:${id}`,
    get signal() {
      return interruption.signal;
    },
    children: async () => childrenOf(job),
    progress: async (value) => {
      onProgress();
      await job.updateProgress(storableResult(value) as Parameters<Job['updateProgress']>[0]);
    },
    log: async (line) => {
      await job.log(storableText(line.slice(0, maxLogLineLength)));
    },
  };
}
