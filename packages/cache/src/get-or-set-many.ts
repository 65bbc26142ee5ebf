import type { CacheCore, Looked } from './cache-core.ts';
import type { Entry } from './entry.ts';
import type { GetOrSet } from './get-or-set.ts';
import type { LoadOptions } from './loader.ts';

/** Called once with all keys that are missing. A key that its answer leaves out is one for which there is nothing. */
export type ManyLoader<Value> = (
  keys: readonly string[],
) => Promise<ReadonlyMap<string, Value>> | ReadonlyMap<string, Value>;

const notLooked: Looked = { found: { kind: 'nothing' }, freshness: 'dead', layer: 'l2' };

/** Reads, and loads, many keys of one namespace. */
export class GetOrSetMany {
  readonly #core: CacheCore;
  readonly #single: GetOrSet;

  constructor(core: CacheCore, single: GetOrSet) {
    this.#core = core;
    this.#single = single;
  }

  /**
   * What is under the keys, in their order; one command per `batchSize` that are not in the first tier. Counted, unless it
   * is no use of the entries.
   */
  async look(keys: readonly string[], batchSize: number, countsAsUse = true): Promise<Looked[]> {
    const core = this.#core;
    const complete = keys.map((key) => core.complete(key));
    if (core.isOff) return keys.map(() => notLooked);
    const away = (): Looked[] => keys.map((key) => core.findAway(key));
    let looked: Looked[];
    try {
      looked = core.isAway ? away() : await this.#lookThrough(complete, batchSize);
    } catch (error) {
      if (core.failover?.standsInFor(error) !== true) {
        core.count('get', 'error', keys.length);
        throw error;
      }
      looked = away();
    }
    if (countsAsUse) this.count(keys, looked);
    return looked;
  }

  /**
   * One call of `loader` for all keys that are missing here. Each key keeps its own lease: one that another process is
   * loading is waited for, and is not asked of this loader.
   */
  async get<Value>(
    keys: readonly string[],
    loader: ManyLoader<Value>,
    options: LoadOptions,
  ): Promise<(Entry | null)[]> {
    const looked = await this.look(keys, 500);
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

  count(keys: readonly string[], looked: readonly Looked[]): void {
    const layers = { l1: { hit: 0, stale: 0 }, l2: { hit: 0, stale: 0 }, fallback: { hit: 0, stale: 0 } };
    let misses = 0;
    for (const [index, { found, freshness, layer }] of looked.entries()) {
      const isServed = found.kind === 'entry' && !found.entry.negative;
      if (isServed && freshness === 'fresh') layers[layer].hit += 1;
      else if (isServed && freshness === 'stale') layers[layer].stale += 1;
      else {
        misses += 1;
        continue;
      }
      this.#core.used(keys[index] ?? '');
    }
    for (const layer of ['l1', 'l2', 'fallback'] as const) {
      this.#core.count('get', 'hit', layers[layer].hit, layer);
      this.#core.count('get', 'stale', layers[layer].stale, layer);
    }
    this.#core.count('get', 'miss', misses);
  }

  async #lookThrough(complete: readonly string[], batchSize: number): Promise<Looked[]> {
    const core = this.#core;
    const looked: Looked[] = complete.map(() => notLooked);
    const asked: number[] = [];
    for (const [index, key] of complete.entries()) {
      const kept = core.near.get(key);
      const freshness = kept === undefined ? 'dead' : await core.freshness(kept.entry);
      if (kept === undefined || freshness !== 'fresh') asked.push(index);
      else looked[index] = { found: { kind: 'entry', entry: kept.entry }, freshness, layer: 'l1' };
    }
    for (let offset = 0; offset < asked.length; offset += batchSize) {
      const positions = asked.slice(offset, offset + batchSize);
      const found = await core.near.readMany(positions.map((position) => complete[position] ?? ''));
      for (const [index, position] of positions.entries()) {
        const one = found[index];
        if (one !== undefined) looked[position] = await core.look(one);
      }
    }
    return looked;
  }
}

/**
 * Makes one call of a loader out of those of single keys: it is called when each key has either asked or turned out not
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
