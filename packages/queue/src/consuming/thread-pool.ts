import { Worker } from 'node:worker_threads';
import { PermanentError, RetryLaterError } from '../job/errors.ts';
import type { Handler, RunningJob, ThreadHandler } from './handler.ts';
import type { ThreadError, ThreadMessage, ThreadRequest, ThreadStart } from './thread-protocol.ts';

/**
 * At its limit V8 gives a thread 16 MB more, in which it is to end. What survives in the space for young objects is moved at once, up to
 * 16 MB by default: where that is too much, V8 ends the process and not the thread.
 */
const maxYoungGenerationSizeMb = 8;

// Beside this file, in the sources and in what is built of them.
const main = new URL(import.meta.url.endsWith('.ts') ? './thread-main.ts' : './thread-main.js', import.meta.url);

/**
 * Runs jobs in threads, one job a thread at a time. A thread is kept for the next job; one whose job is told to stop is
 * terminated, whatever it does, and one that dies fails its job and nothing else.
 */
export class ThreadPool {
  readonly #options: ThreadHandler;
  readonly #idle: Worker[] = [];
  readonly #threads = new Set<Worker>();

  constructor(options: ThreadHandler) {
    this.#options = options;
  }

  readonly handler: Handler = async (job) => {
    const thread = this.#idle.pop() ?? this.#spawn();
    // While it runs a job it keeps the process alive.
    thread.ref();
    try {
      const result = await runIn(thread, job);
      thread.unref();
      this.#idle.push(thread);
      return result;
    } catch (error) {
      // Its state is unknown, or it is gone.
      if (error instanceof HandlerError) {
        thread.unref();
        this.#idle.push(thread);
        throw error.original;
      }
      await this.#end(thread);
      throw error;
    }
  };

  async close(): Promise<void> {
    await Promise.all([...this.#threads].map(async (thread) => this.#end(thread)));
  }

  #spawn(): Worker {
    const { thread, preload = [], resourceLimits } = this.#options;
    const start: ThreadStart = { preload: [preload].flat().map(({ href }) => href), handler: thread.href };
    const worker = new Worker(main, {
      name: 'holdfast-job',
      workerData: start,
      ...(resourceLimits !== undefined && { resourceLimits: { maxYoungGenerationSizeMb, ...resourceLimits } }),
    });
    this.#threads.add(worker);
    // Also between two jobs.
    worker.on('error', () => undefined);
    worker.once('exit', () => {
      this.#threads.delete(worker);
      const at = this.#idle.indexOf(worker);
      if (at >= 0) this.#idle.splice(at, 1);
    });
    return worker;
  }

  async #end(thread: Worker): Promise<void> {
    this.#threads.delete(thread);
    await thread.terminate();
  }
}

/** Thrown by the handler itself: the thread is well. */
class HandlerError extends Error {
  readonly original: Error;

  constructor(original: Error) {
    super(original.message);
    this.original = original;
  }
}

async function runIn(thread: Worker, job: RunningJob): Promise<unknown> {
  const { id, name, queue, data, attempt, attempts, idempotencyKey, signal } = job;
  const ended = Promise.withResolvers<unknown>();
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread of Node, not a window
  const send = (request: ThreadRequest): void => thread.postMessage(request);
  const onMessage = (message: ThreadMessage): void => {
    if (message.kind === 'done') ended.resolve(message.result);
    else if (message.kind === 'failed') ended.reject(new HandlerError(toError(message.error)));
    else {
      const { call } = message;
      carryOut(job, message).then(
        (value) => send({ kind: 'answer', call, value }),
        (error: unknown) => send({ kind: 'answer', call, error: String(error) }),
      );
    }
  };
  const onError = (error: Error): void => ended.reject(new Error(`The thread of the job died: ${error.message}`));
  const onExit = (code: number): void => ended.reject(new Error(`The thread of the job ended with code ${code}.`));
  const onAbort = (): void => ended.reject(signal.reason);
  thread.on('message', onMessage).once('error', onError).once('exit', onExit);
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    send({ kind: 'run', job: { id, name, queue, data, attempt, attempts, idempotencyKey } });
    return await ended.promise;
  } finally {
    thread.off('message', onMessage).off('error', onError).off('exit', onExit);
    signal.removeEventListener('abort', onAbort);
  }
}

async function carryOut(job: RunningJob, { method, value }: ThreadMessage & { kind: 'call' }): Promise<unknown> {
  if (method === 'children') return job.children();
  return method === 'log' ? job.log(String(value)) : job.progress(value);
}

/** An error of this thread's classes: what `PermanentError` and `RetryLaterError` say must hold here too. */
function toError({ name, message, stack, code, delayMs }: ThreadError): Error {
  const coded = code === undefined ? {} : { code };
  let error: Error;
  if (name === 'PermanentError') error = new PermanentError(message, coded);
  else if (name === 'RetryLaterError' && delayMs !== undefined)
    error = new RetryLaterError(message, { delayMs, ...coded });
  else error = Object.assign(new Error(message), { name, ...coded });
  if (stack !== undefined) error.stack = stack;
  return error;
}
