import { Probe } from '../probe.ts';
import { RestFailure } from './upstash-client.ts';

export interface RestWatchOptions {
  /** After so long without any answer, while one is waited for, the endpoint is asked. 0: never. */
  readonly intervalMs: number;
  /** How long it may take to answer that. */
  readonly deadlineMs: number;
  /** Sends the question, and settles with the answer. */
  readonly ask: (timeoutMs: number) => Promise<unknown>;
  /** It answers nothing. The requests under way have been ended. */
  readonly onSilence: (silentMs: number) => void;
}

/**
 * Notices an endpoint that takes requests and answers none, long before their deadlines. Each request has a connection of its
 * own, so a slow one is no silence: the question is answered beside it. Nothing is asked while nothing is waited for, since
 * each command may be billed.
 */
export class RestWatch {
  readonly #probe: Probe;
  #ending = new AbortController();
  #waiting = 0;
  #answers = 0;

  constructor({ intervalMs, deadlineMs, ask, onSilence }: RestWatchOptions) {
    this.#probe = new Probe({
      intervalMs,
      deadlineMs,
      patienceMs: 0,
      target: {
        received: () => (this.#waiting === 0 ? undefined : this.#answers),
        sent: () => 0,
        ask: async () => {
          try {
            await ask(deadlineMs);
          } catch (error) {
            if (!isRefusal(error)) throw error;
          }
          this.#answers += 1;
        },
        askBeside: () => Promise.reject(new Error('There is no connection, and so nothing beside it.')),
        isInUse: () => true,
      },
      onSilence: (silentMs) => {
        const ending = this.#ending;
        this.#ending = new AbortController();
        onSilence(silentMs);
        ending.abort();
      },
    });
  }

  /** A request, which ends as soon as its signal is aborted. Whatever the endpoint says is an answer. */
  async during<Reply>(request: (ended: AbortSignal) => Promise<Reply>): Promise<Reply> {
    this.#waiting += 1;
    try {
      const reply = await request(this.#ending.signal);
      this.#answers += 1;
      return reply;
    } catch (error) {
      if (isRefusal(error)) this.#answers += 1;
      throw error;
    } finally {
      this.#waiting -= 1;
    }
  }

  /** Never calls anybody again. */
  stop(): void {
    this.#probe.stop();
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof RestFailure && error.kind === 'refused';
}
