import { setImmediate as turn } from 'node:timers/promises';

/** Called with the keys that are missing. A key that its answer leaves out is one for which there is nothing. */
export type ManyLoader<Value> = (
  keys: readonly string[],
) => Promise<ReadonlyMap<string, Value>> | ReadonlyMap<string, Value>;

/** Answers that are handed out in one turn of the event loop: each is made an entry of, and stored. */
const ANSWERS_A_TURN = 50;

/**
 * Makes one call of a loader out of those of single keys: it is called when each of them has either asked or turned out not to
 * need to, because somebody else loads it. One that asks afterwards, as that load came to nothing, is asked for with those
 * that do so in the same turn.
 */
export class JointLoad<Value> {
  readonly #loader: ManyLoader<Value>;
  /** Those of which it is not known yet whether they ask. */
  readonly #open: Set<string>;
  readonly #asked = new Map<string, PromiseWithResolvers<Value | undefined>>();
  #isCalled = false;
  #isLateCallDue = false;

  constructor(loader: ManyLoader<Value>, wanted: readonly { readonly key: string }[]) {
    this.#loader = loader;
    this.#open = new Set(wanted.map(({ key }) => key));
  }

  ask(key: string): Promise<Value | undefined> {
    const answer = Promise.withResolvers<Value | undefined>();
    this.#asked.set(key, answer);
    if (!this.#isCalled) this.leave(key);
    else if (!this.#isLateCallDue) {
      this.#isLateCallDue = true;
      setImmediate(() => this.#call());
    }
    return answer.promise;
  }

  /** The key does not ask, or not yet. */
  leave(key: string): void {
    this.#open.delete(key);
    if (this.#isCalled || this.#open.size > 0) return;
    this.#isCalled = true;
    this.#call();
  }

  #call(): void {
    this.#isLateCallDue = false;
    const asked = new Map(this.#asked);
    this.#asked.clear();
    if (asked.size === 0) return;
    this.#answer(asked).catch((error: unknown) => {
      for (const answer of asked.values()) answer.reject(error);
    });
  }

  async #answer(asked: ReadonlyMap<string, PromiseWithResolvers<Value | undefined>>): Promise<void> {
    const values: unknown = await this.#loader([...asked.keys()]);
    if (!isMap<Value>(values)) throw new TypeError('The loader of getOrSetMany must return a Map of keys to values.');
    let answered = 0;
    for (const [key, answer] of asked) {
      answer.resolve(values.get(key));
      answered += 1;
      if (answered % ANSWERS_A_TURN === 0) await turn();
    }
  }
}

/** What a loader returns that no compiler has checked. */
function isMap<Value>(values: unknown): values is ReadonlyMap<string, Value> {
  return values instanceof Map || typeof (values as ReadonlyMap<string, Value> | undefined)?.get === 'function';
}
