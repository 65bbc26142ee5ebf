import type { Job } from 'bullmq';
import type { Interruption } from './interruption.ts';
import { JobTimeoutError } from '../job/errors.ts';
import { childrenOf } from './children.ts';
import type { Handler, RunningJob } from './handler.ts';
import { maxLogLineLength } from '../job/limits.ts';
import { storableResult, storableText } from '../job/storable.ts';

export interface RunJobOptions {
  readonly queue: string;
  readonly job: Job;
  readonly handler: Handler;
  readonly timeoutMs: number;
  readonly interruption: Interruption;
  readonly onProgress: () => void;
}

/**
 * Runs one attempt. When it is told to stop, or the timeout comes first, it ends with that reason, whatever the handler
 * does: a handler that ignores its signal goes on by itself, but it no longer holds the worker.
 */
export async function runJob(options: RunJobOptions): Promise<unknown> {
  const { handler, timeoutMs, interruption } = options;
  const timer = setTimeout(() => interruption.raise(new JobTimeoutError(timeoutMs)), timeoutMs);
  try {
    // One promise instead of a race of two: this is most of what a short job costs.
    return await new Promise((resolve, reject) => {
      interruption.listen(reject);
      // A handler may also return what it has at once.
      Promise.resolve(handler(runningJob(options))).then(resolve, reject);
    });
  } finally {
    clearTimeout(timer);
  }
}

function runningJob({ queue, job, interruption, onProgress }: RunJobOptions): RunningJob {
  const id = job.id ?? '';
  return {
    id,
    name: job.name,
    queue,
    data: job.data,
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
