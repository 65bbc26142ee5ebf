import { EventEmitter } from 'node:events';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { QueueUnavailableError } from '../job/errors.ts';
import { withDeadline } from '../port/deadline.ts';
import { memoryLimit } from '@holdfast/redis-core';
import { AnswerWatch } from './answer-watch.ts';
import { DiskProbe } from './disk-probe.ts';
import type { ThreadData, ThreadError, ThreadMessage, ThreadRequest } from './protocol.ts';

/**
 * BullMQ's workers take an error for a lost connection, and wait before they ask again, only when its message says this.
 * After any other error they ask again at once: on a database that is gone, that loop would stop the whole process.
 */
export const connectionLostMark = 'ECONNREFUSED';

export interface QueryResult {
  readonly rows: Record<string, unknown>[];
  readonly rowCount: number;
}

type RequestBody =
  | { readonly kind: 'query'; readonly text: string; readonly params: readonly unknown[] | null }
  | { readonly kind: 'listen'; readonly channel: string }
  | { readonly kind: 'close' };

/** Between the death of the thread and the first attempt to start another one; each further wait is twice as long. */
const firstRestartMs = 100;
const maxRestartMs = 30_000;

export interface PgliteEvents {
  notification: [channel: string, payload: string];
  /** The thread has died; every request fails until `up`. */
  down: [Error];
  /** The thread answers nothing: it, or its disk, hangs. Requests are refused until `answers`, or `down` and `up`. */
  stuck: [reason: string];
  answers: [];
  /** Another thread has the database open, and listens to what the one before did. */
  up: [];
}

/**
 * Sends requests to the PGlite thread and hands its answers back. A thread that dies is replaced, for as long as this is
 * not closed: what it had acknowledged is on disk. Requests that it had not answered fail, and may have been carried out.
 */
export class PgliteClient extends EventEmitter<PgliteEvents> {
  readonly #data: ThreadData;
  readonly #channels = new Set<string>();
  readonly #pending = new Map<number, PromiseWithResolvers<QueryResult>>();
  readonly #closing = new AbortController();
  readonly #disk: DiskProbe;
  readonly #watch: AnswerWatch;
  #thread: Worker;
  #restarting: Promise<void> | undefined;
  #nextId = 1;
  /** Why there is no thread. */
  #ended: Error | undefined;

  private constructor(data: ThreadData, thread: Worker) {
    super();
    this.setMaxListeners(0);
    this.#data = data;
    const folder = dirname(data.directory);
    this.#disk = new DiskProbe(folder);
    this.#watch = new AnswerWatch({
      disk: this.#disk,
      folder,
      onStuck: (reason) => this.emit('stuck', reason),
      onAnswer: () => this.emit('answers'),
    });
    this.#thread = thread;
    this.#adopt(thread);
  }

  /**
   * Starts the thread and waits until the database in `directory` is open; makes it where there is none.
   *
   * @param options `session`: the SQL that a later thread begins with, to go on as this one does after its first
   * statements
   */
  static async open(directory: string, { session = '' }: { readonly session?: string } = {}): Promise<PgliteClient> {
    const memoryBytes = memoryLimit();
    const thread = await startThread({ directory, memoryBytes });
    return new PgliteClient({ directory, memoryBytes, session }, thread);
  }

  async query(text: string, params: readonly unknown[] | null): Promise<QueryResult> {
    return this.#request({ kind: 'query', text, params });
  }

  async listen(channel: string): Promise<void> {
    this.#channels.add(channel);
    await this.#request({ kind: 'listen', channel });
  }

  /** Resolves when the disk has taken a write in time. @throws QueueUnavailableError */
  async prove(deadlineMs: number): Promise<void> {
    const known = this.#watch.reason ?? this.#ended?.message;
    if (known !== undefined) throw new QueueUnavailableError(`The embedded queue cannot be used: ${known}.`);
    if (await this.#disk.answers(deadlineMs)) return;
    throw new QueueUnavailableError(
      `The disk of ${dirname(this.#data.directory)} did not answer within ${deadlineMs} ms.`,
    );
  }

  /**
   * Closes the database, then the thread; after `timeoutMs` the thread is ended as it is. One that hangs in the kernel with its disk
   * cannot be ended: it is left after as long again.
   */
  async close(timeoutMs: number): Promise<void> {
    const within = async (work: Promise<unknown>): Promise<void> => {
      await withDeadline(work, timeoutMs, () => new Error('late')).catch(() => undefined);
    };
    const closed = this.#request({ kind: 'close' });
    this.#closing.abort();
    await within(closed);
    this.#watch.close();
    await within(Promise.all([this.#restarting, this.#thread.terminate()]));
    // A thread that was being started meanwhile.
    await within(this.#thread.terminate());
  }

  async #request(body: RequestBody): Promise<QueryResult> {
    if (this.#ended !== undefined) {
      throw unavailable(this.#ended);
    }
    if (this.#watch.reason !== undefined && body.kind !== 'close') {
      throw new QueueUnavailableError(`The embedded queue hangs: ${this.#watch.reason} (${connectionLostMark})`);
    }
    const id = this.#nextId++;
    const answer = Promise.withResolvers<QueryResult>();
    this.#pending.set(id, answer);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread of Node, not a window
    this.#thread.postMessage({ ...body, id } satisfies ThreadRequest);
    this.#watch.asked();
    return answer.promise;
  }

  #receive(message: ThreadMessage): void {
    if (message.kind === 'notification') {
      this.emit('notification', message.channel, message.payload);
      return;
    }
    if (message.kind !== 'result' && message.kind !== 'error') return;
    const answer = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    this.#watch.answered(this.#pending.size > 0);
    if (message.kind === 'error') answer?.reject(databaseError(message.error));
    else answer?.resolve({ rows: message.rows as Record<string, unknown>[], rowCount: message.rowCount });
  }

  #adopt(thread: Worker): void {
    this.#thread = thread;
    this.#ended = undefined;
    const end = (error: Error): void => this.#end(thread, error);
    thread.on('message', (message: ThreadMessage) => this.#receive(message));
    thread.on('error', (error) => end(error instanceof Error ? error : new Error(String(error))));
    thread.on('exit', (code) => end(new Error(`The database thread has ended with code ${code}.`)));
  }

  #end(thread: Worker, error: Error): void {
    if (this.#ended !== undefined || this.#thread !== thread) return;
    this.#ended = error;
    for (const answer of this.#pending.values()) {
      answer.reject(unavailable(error));
    }
    this.#pending.clear();
    this.#watch.restart();
    if (this.#closing.signal.aborted) return;
    this.emit('down', error);
    this.#restarting = this.#restart(thread);
  }

  async #restart(dead: Worker): Promise<void> {
    const { signal } = this.#closing;
    // One that only failed may still have the files open.
    await dead.terminate();
    for (let waitMs = firstRestartMs; ; waitMs = Math.min(2 * waitMs, maxRestartMs)) {
      await delay(waitMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        this.#adopt(await startThread({ ...this.#data, channels: [...this.#channels] }));
        this.emit('up');
        return;
      } catch (error) {
        this.#ended = error instanceof Error ? error : new Error(String(error));
      }
    }
  }
}

async function startThread(data: ThreadData): Promise<Worker> {
  // The sources run as they are (types stripped by Node) and from `dist`: the thread's file has our own extension.
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const thread = new Worker(new URL(`./pglite-thread.${extension}`, import.meta.url), {
    workerData: data,
    name: 'holdfast-pglite',
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const first = (message: ThreadMessage): void => {
    if (message.kind === 'ready') resolve();
    if (message.kind === 'failed') reject(new Error(message.error.message));
  };
  const onExit = (code: number): void => reject(new Error(`The database thread ended with code ${code}.`));
  thread.on('message', first).once('error', reject).once('exit', onExit);
  try {
    await promise;
  } catch (error) {
    await thread.terminate();
    throw error;
  }
  thread.off('message', first).off('error', reject).off('exit', onExit);
  return thread;
}

function unavailable(cause: Error): QueueUnavailableError {
  return new QueueUnavailableError(`The embedded queue has ended: ${cause.message} (${connectionLostMark})`, { cause });
}

/** Shaped like the errors of pg: BullMQ reads `code` and `detail`. */
function databaseError({ message, code, detail }: ThreadError): Error {
  return Object.assign(new Error(message), { code, detail });
}
