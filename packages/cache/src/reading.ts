import type { CacheCore, Looked } from './cache-core.ts';
import type { Entry } from './entry.ts';
import { nothing } from './found.ts';
import type { KeptEntry } from './kept-entries.ts';
import { pagesOf } from './pages.ts';
import type { Opened } from './sealing.ts';
import type { Values } from './values.ts';
import { whereItIs } from './where-it-is.ts';

/** For what nobody has looked for. */
export const notLooked: Looked = { found: nothing, freshness: 'dead', layer: 'l2' };

/** Reads the entries of one namespace without loading any, and makes values of them. */
export class Reading {
  readonly #core: CacheCore;
  readonly #values: Values;

  constructor(core: CacheCore, values: Values) {
    this.#core = core;
    this.#values = values;
  }

  /** The entry under a key, from whichever tier; counted. */
  async look(key: string, complete: string): Promise<Looked> {
    const looked = await this.#find(complete);
    this.#count(key, looked, served(looked) !== null);
    return looked;
  }

  /** The value under a key, from whichever tier; counted. What is no value is a miss. */
  async lookForValue(key: string, complete: string): Promise<Opened | undefined> {
    const looked = await this.#find(complete);
    const entry = served(looked);
    const opened = entry === null ? undefined : this.#values.of(complete, entry);
    this.#count(key, looked, opened !== undefined);
    return opened;
  }

  async #find(complete: string): Promise<Looked> {
    const core = this.#core;
    if (core.isOff) return notLooked;
    let looked: Looked;
    try {
      if (core.isOnFallbackFor(complete)) looked = core.findInFallback(complete);
      else if (core.l1.get(complete) !== undefined) looked = await core.find(complete);
      else {
        // The way of most reads that come here: one wait.
        const found = core.look(await core.l1.read(complete), complete);
        looked = found instanceof Promise ? await found : found;
      }
    } catch (error) {
      if (core.fallback?.answersFor(error, complete) !== true) {
        core.count('get', 'error', 1);
        throw error;
      }
      looked = core.findInFallback(complete);
    }
    return looked;
  }

  #count(key: string, { freshness, layer }: Looked, isHit: boolean): void {
    const core = this.#core;
    if (core.isOff) return;
    if (!isHit) core.count('get', 'miss', 1, whoMissed(layer));
    else {
      core.count('get', freshness === 'stale' ? 'stale' : 'hit', 1, layer);
      core.used(key);
    }
  }

  /**
   * What is under the keys, in their order; one command per `batchSize` that are not in L1. Counted, unless it
   * is no use of the entries.
   */
  async lookMany(keys: readonly string[], batchSize: number, countsAsUse = true): Promise<readonly Looked[]> {
    const core = this.#core;
    const wanted = keys.map((key) => ({ complete: core.complete(key) }));
    if (core.isOff) return keys.map(() => notLooked);
    let looked: readonly Looked[];
    try {
      looked = await whereItIs(
        core.fallback,
        wanted,
        (asked) =>
          this.#lookThrough(
            asked.map(({ complete }) => complete),
            batchSize,
          ),
        (away) => away.map(({ complete }) => core.findInFallback(complete)),
      );
    } catch (error) {
      core.count('get', 'error', keys.length);
      throw error;
    }
    if (countsAsUse) this.#countMany(keys, looked);
    return looked;
  }

  /** What L1 has, fresh, without waiting for anything; counted. `undefined` where Redis has to be asked. */
  kept(key: string, complete: string): KeptEntry | undefined {
    const kept = this.#peek(complete);
    if (kept !== undefined) this.#countKept(key);
    return kept;
  }

  /** The value of what L1 has, fresh, likewise; `undefined` also where that is no value. */
  keptValue(key: string, complete: string): Opened | undefined {
    const kept = this.#peek(complete);
    const opened = kept === undefined ? undefined : this.#values.ofKept(complete, kept);
    if (opened !== undefined) this.#countKept(key);
    return opened;
  }

  #peek(complete: string): KeptEntry | undefined {
    const core = this.#core;
    const kept = core.l1.get(complete);
    if (kept === undefined || kept.entry.negative) return undefined;
    return core.knownFreshness(kept.entry) === 'fresh' ? kept : undefined;
  }

  #countKept(key: string): void {
    this.#core.count('get', 'hit', 1, 'l1');
    this.#core.used(key);
  }

  async #lookThrough(complete: readonly string[], batchSize: number): Promise<Looked[]> {
    const core = this.#core;
    const looked: Looked[] = complete.map(() => notLooked);
    // What has to be asked of tags is asked for all keys together.
    const kept = await inPlace(complete.map((key) => core.findKept(key)));
    const asked: number[] = [];
    for (const [position, known] of kept.entries()) {
      if (known === undefined) asked.push(position);
      else looked[position] = known;
    }
    const batches = pagesOf(asked, batchSize);
    // A few at a time: while one is decoded, Redis is at work on the next.
    const remaining = batches[Symbol.iterator]();
    const lane = async (): Promise<void> => {
      for (const positions of remaining) {
        const names = positions.map((position) => complete[position] ?? '');
        const found = await core.l1.readMany(names);
        const known = await inPlace(found.map((one, index) => core.look(one, names[index] ?? '')));
        for (const [index, position] of positions.entries()) looked[position] = known[index] ?? notLooked;
      }
    };
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: Math.min(READ_LANES, batches.length) }, lane));
    const durationMs = performance.now() - startedAt;
    core.shared({ operations: asked.length, commands: batches.length, failed: 0, durationMs });
    return looked;
  }

  #countMany(keys: readonly string[], looked: readonly Looked[]): void {
    const core = this.#core;
    const layers = { l1: { hit: 0, stale: 0 }, l2: { hit: 0, stale: 0 }, fallback: { hit: 0, stale: 0 } };
    const misses = { l2: 0, fallback: 0 };
    for (const [index, one] of looked.entries()) {
      if (served(one) === null) {
        misses[whoMissed(one.layer)] += 1;
        continue;
      }
      layers[one.layer][one.freshness === 'stale' ? 'stale' : 'hit'] += 1;
      core.used(keys[index] ?? '');
    }
    for (const layer of ['l1', 'l2', 'fallback'] as const) {
      core.count('get', 'hit', layers[layer].hit, layer);
      core.count('get', 'stale', layers[layer].stale, layer);
    }
    core.count('get', 'miss', misses.l2);
    core.count('get', 'miss', misses.fallback, 'fallback');
  }
}

/** What L1 does not have, Redis is asked for. */
function whoMissed(layer: Looked['layer']): 'l2' | 'fallback' {
  return layer === 'fallback' ? 'fallback' : 'l2';
}

const READ_LANES = 3;

/** Waits for those that are not there yet; without a wait where all are. */
export function inPlace<Item>(items: readonly (Item | Promise<Item>)[]): readonly Item[] | Promise<Item[]> {
  return items.some((item) => item instanceof Promise) ? Promise.all(items) : (items as readonly Item[]);
}

/** What a reader without a loader gets of what was found. */
export function served({ found, freshness }: Looked): Entry | null {
  const isServed = found.kind === 'entry' && !found.entry.negative && (freshness === 'fresh' || freshness === 'stale');
  return isServed ? found.entry : null;
}
