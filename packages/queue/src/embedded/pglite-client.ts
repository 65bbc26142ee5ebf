import { EventEmitter } from 'node:events';
import { Worker } from 'node:worker_threads';
import { QueueUnavailableError } from '../errors.ts';
import type { ThreadError, ThreadMessage, ThreadRequest } from './protocol.ts';

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

/** Sends requests to the PGlite thread and hands its answers back. Emits `notification` (channel, payload) and `end`. */
export class PgliteClient extends EventEmitter<{ notification: [string, string]; end: [Error] }> {
  readonly #thread: Worker;
  readonly #pending = new Map<number, PromiseWithResolvers<QueryResult>>();
  #nextId = 1;
  #ended: Error | undefined;

  private constructor(thread: Worker) {
    super();
    this.setMaxListeners(0);
    this.#thread = thread;
    thread.on('message', (message: ThreadMessage) => this.#receive(message));
    thread.on('error', (error) => this.#end(error instanceof Error ? error : new Error(String(error))));
    thread.on('exit', () => this.#end(new Error('The database thread has ended.')));
  }

  /** Starts the thread and waits until the database in `directory` is open; makes it where there is none. */
  static async open(directory: string): Promise<PgliteClient> {
    // The sources run as they are (types stripped by Node) and from `dist`: the thread's file has our own extension.
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const thread = new Worker(new URL(`./pglite-thread.${extension}`, import.meta.url), {
      workerData: { directory },
      name: 'holdfast-pglite',
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const first = (message: ThreadMessage): void => {
      if (message.kind === 'ready') resolve();
      if (message.kind === 'failed') reject(new Error(message.error.message));
    };
    thread.on('message', first);
    thread.once('error', reject);
    try {
      await promise;
    } catch (error) {
      await thread.terminate();
      throw error;
    }
    thread.off('message', first);
    return new PgliteClient(thread);
  }

  async query(text: string, params: readonly unknown[] | null): Promise<QueryResult> {
    return this.#request({ kind: 'query', text, params });
  }

  async listen(channel: string): Promise<void> {
    await this.#request({ kind: 'listen', channel });
  }

  /** Closes the database, then the thread; after `timeoutMs` the thread is ended as it is. */
  async close(timeoutMs: number): Promise<void> {
    const timer = setTimeout(() => void this.#thread.terminate(), timeoutMs);
    await this.#request({ kind: 'close' }).catch(() => undefined);
    clearTimeout(timer);
    await this.#thread.terminate();
  }

  async #request(body: RequestBody): Promise<QueryResult> {
    if (this.#ended !== undefined) {
      throw unavailable(this.#ended);
    }
    const id = this.#nextId++;
    const answer = Promise.withResolvers<QueryResult>();
    this.#pending.set(id, answer);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread of Node, not a window
    this.#thread.postMessage({ ...body, id } satisfies ThreadRequest);
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
    if (message.kind === 'error') answer?.reject(databaseError(message.error));
    else answer?.resolve({ rows: message.rows as Record<string, unknown>[], rowCount: message.rowCount });
  }

  #end(error: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    for (const answer of this.#pending.values()) {
      answer.reject(unavailable(error));
    }
    this.#pending.clear();
    this.emit('end', error);
  }
}

function unavailable(cause: Error): QueueUnavailableError {
  return new QueueUnavailableError(`The embedded queue has ended: ${cause.message} (${connectionLostMark})`, { cause });
}

/** Shaped like the errors of pg: BullMQ reads `code` and `detail`. */
function databaseError({ message, code, detail }: ThreadError): Error {
  return Object.assign(new Error(message), { code, detail });
}
