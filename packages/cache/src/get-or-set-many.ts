import type { Entry } from './entry.ts';
import type { GetOrSet } from './get-or-set.ts';
import type { LoadOptions } from './loader.ts';
import type { Reading } from './reading.ts';

/** Called with keys that are missing: all of them, or those whose leases were taken at about the same time. A key that its answer leaves out is one for which there is nothing. */
export type ManyLoader<Value> = (
  keys: readonly string[],
) => Promise<ReadonlyMap<string, Value>> | ReadonlyMap<string, Value>;

/** Reads, and loads, many keys of one namespace. */
export class GetOrSetMany {
  readonly #reading: Reading;
  readonly #single: GetOrSet;

  constructor(reading: Reading, single: GetOrSet) {
    this.#reading = reading;
    this.#single = single;
  }

  /**
   * Few calls of `loader` for all keys that are missing here: one, where their leases come within 20 ms. Each key keeps its own lease: one that another process is
   * loading is waited for, and is not asked of this loader.
   */
  async get<Value>(
    keys: readonly string[],
    loader: ManyLoader<Value>,
    options: LoadOptions,
  ): Promise<(Entry | null)[]> {
    const looked = await this.#reading.lookMany(keys, 500);
    const missing = keys.filter((_, index) => {
      const one = looked[index];
      return one === undefined || one.found.kind !== 'entry' || !['fresh', 'stale'].includes(one.freshness);
    });
    const gathered = new Gathered(loader, new Set(missing).size);
    const loaded = new Map<string, Entry | null>();
    await Promise.all(
      [...new Set(missing)].map(async (key) => {
        try {
          const { entry } = await this.#single.get(key, () => gathered.ask(key), options);
          loaded.set(key, entry);
        } finally {
          gathered.leave(key);
        }
      }),
    );
    return keys.map((key, index) => {
      const one = looked[index];
      const there = loaded.has(key) ? loaded.get(key) : one?.found.kind === 'entry' ? one.found.entry : null;
      return there === undefined || there === null || there.negative ? null : there;
    });
  }
}

/**
 * Makes few calls of a loader out of those of single keys: it is called when each key has either asked or turned out not
 * to need to, because somebody else loads it; but no later than a moment after the first, since that may take long.
 */
class Gathered<Value> {
  readonly #loader: ManyLoader<Value>;
  readonly #asked = new Map<string, PromiseWithResolvers<Value | undefined>>();
  #open: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(loader: ManyLoader<Value>, open: number) {
    this.#loader = loader;
    this.#open = open;
  }

  ask(key: string): Promise<Value | undefined> {
    const answer = Promise.withResolvers<Value | undefined>();
    this.#asked.set(key, answer);
    this.#timer ??= setTimeout(() => this.#call(), 20);
    this.#settle();
    return answer.promise;
  }

  leave(key: string): void {
    if (!this.#asked.has(key)) this.#settle();
  }

  #settle(): void {
    this.#open -= 1;
    if (this.#open === 0 && this.#asked.size > 0) this.#call();
  }

  #call(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const asked = new Map(this.#asked);
    this.#asked.clear();
    if (asked.size === 0) return;
    (async () => this.#loader([...asked.keys()]))().then(
      (values) => {
        for (const [key, answer] of asked) answer.resolve(values.get(key));
        return undefined;
      },
      (error: unknown) => {
        for (const answer of asked.values()) answer.reject(error);
      },
    );
  }
}
