import { setImmediate as turn } from 'node:timers/promises';
import { asError } from './as-error.ts';

/** How much goes out together at most. */
export interface GatheringBounds {
  readonly items: number;
  readonly bytes: number;
}

interface Waiting<Item, Reply> {
  readonly item: Item;
  readonly answer: PromiseWithResolvers<Reply>;
}

/**
 * Collects what is asked for item by item in one turn of the event loop, and has it sent together. What is replied at once to
 * several of them is handed out one by one, a turn each: it is the callers who have work with it.
 */
export class Gathering<Item, Reply> {
  readonly #send: (items: readonly Item[]) => Promise<readonly (Reply | Error)[]>;
  readonly #bounds: GatheringBounds;
  readonly #bytesOf: (item: Item) => number;
  #waiting: Waiting<Item, Reply>[] = [];
  #bytes = 0;
  #timer: NodeJS.Immediate | undefined;
  #handedOut: Promise<unknown> = Promise.resolve();

  /** `send` replies in the order of the items; a reply that is an error is that of its item alone. */
  constructor(
    send: (items: readonly Item[]) => Promise<readonly (Reply | Error)[]>,
    bounds: GatheringBounds,
    bytesOf: (item: Item) => number,
  ) {
    this.#send = send;
    this.#bounds = bounds;
    this.#bytesOf = bytesOf;
  }

  add(item: Item): Promise<Reply> {
    const bytes = this.#bytesOf(item);
    if (this.#bytes + bytes > this.#bounds.bytes) this.#flush();
    const answer = Promise.withResolvers<Reply>();
    this.#waiting.push({ item, answer });
    this.#bytes += bytes;
    this.#timer ??= setImmediate(() => this.#flush());
    if (this.#waiting.length >= this.#bounds.items) this.#flush();
    return answer.promise;
  }

  #flush(): void {
    clearImmediate(this.#timer);
    this.#timer = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    if (waiting.length === 0) return;
    this.#send(waiting.map(({ item }) => item)).then(
      (replies) => {
        this.#handedOut = this.#handedOut.then(() => {
          for (const [index, { answer }] of waiting.entries()) settle(answer, replies[index]);
          return turn();
        });
        return undefined;
      },
      (error: unknown) => {
        for (const { answer } of waiting) answer.reject(asError(error));
      },
    );
  }
}

function settle<Reply>(answer: PromiseWithResolvers<Reply>, reply: Reply | Error | undefined): void {
  if (reply === undefined) answer.reject(new Error('There is no reply.'));
  else if (reply instanceof Error) answer.reject(reply);
  else answer.resolve(reply);
}
