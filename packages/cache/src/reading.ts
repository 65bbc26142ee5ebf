import { setImmediate as turn } from 'node:timers/promises';
import type { CacheCore, Looked } from './cache-core.ts';
import type { Entry } from './entry.ts';
import { nothing } from './found.ts';
import { deepFreeze, isShareable } from './freeze.ts';
import type { KeptEntry } from './kept-entries.ts';
import { pagesOf } from './pages.ts';
import type { Freshness } from './staleness.ts';
import { whereItIs } from './where-it-is.ts';

/** For what nobody has looked for. */
export const notLooked: Looked = { found: nothing, freshness: 'dead', layer: 'l2' };

/** Reads the entries of one namespace without loading any, and makes values of them. */
export class Reading {
  readonly #core: CacheCore;

  constructor(core: CacheCore) {
    this.#core = core;
  }

  /** What is under a key, from whichever tier; counted. */
  async look(key: string, complete: string): Promise<Looked> {
    const core = this.#core;
    if (core.isOff) return notLooked;
    let looked: Looked;
    try {
      if (core.isOnFallbackFor(complete)) looked = core.findInFallback(complete);
      else if (core.l1.get(complete) !== undefined) looked = await core.find(complete);
      else {
        // The way of most reads that come here: one wait.
        const found = core.look(await core.l1.read(complete));
        looked = found instanceof Promise ? await found : found;
      }
    } catch (error) {
      if (core.fallback?.answersFor(error, complete) !== true) {
        core.count('get', 'error', 1);
        throw error;
      }
      looked = core.findInFallback(complete);
    }
    const { layer } = looked;
    if (served(looked) === null) core.count('get', 'miss', 1);
    else {
      core.count('get', looked.freshness === 'stale' ? 'stale' : 'hit', 1, layer);
      core.used(key);
    }
    return looked;
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
        ({ complete }) => core.findInFallback(complete),
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
    const core = this.#core;
    const kept = core.l1.get(complete);
    if (kept === undefined || kept.entry.negative) return undefined;
    if (core.knownFreshness(kept.entry) !== 'fresh') return undefined;
    core.count('get', 'hit', 1, 'l1');
    core.used(key);
    return kept;
  }

  /** Plain data is parsed once for as long as L1 holds the entry, and then shared. */
  value(complete: string, entry: Entry): unknown {
    const { l1, sealing } = this.#core;
    const kept = l1.get(complete);
    if (kept?.entry !== entry) return sealing.valueOf(entry);
    return this.keptValue(complete, kept);
  }

  /** The values of many entries, `undefined` for `null`; the event loop turns after some of them. */
  async values(keys: readonly string[], entries: readonly (Entry | null)[]): Promise<unknown[]> {
    const values: unknown[] = [];
    let weight = 0;
    for (const [index, entry] of entries.entries()) {
      if (entry === null) {
        values.push(undefined);
        continue;
      }
      values.push(this.value(this.#core.complete(keys[index] ?? ''), entry));
      weight += VALUE_WEIGHT + entry.storedBytes;
      if (weight < TURN_WEIGHT) continue;
      weight = 0;
      await turn();
    }
    return values;
  }

  /** The same of an entry that is known to be kept. */
  keptValue(complete: string, { entry, value: known }: KeptEntry): unknown {
    if (known !== undefined) return known;
    const { l1, sealing } = this.#core;
    const value = sealing.deserialize(entry);
    if (!entry.hasPlainBody && !isShareable(value)) return value;
    l1.setValue(complete, entry, deepFreeze(value));
    return value;
  }

  async #lookThrough(complete: readonly string[], batchSize: number): Promise<Looked[]> {
    const core = this.#core;
    const looked: Looked[] = complete.map(() => notLooked);
    // What has to be asked of tags is asked for all keys together.
    const entries = complete.map((key) => core.l1.get(key)?.entry);
    const worth = entries.map((entry): Freshness | Promise<Freshness> =>
      entry === undefined ? 'dead' : (core.knownFreshness(entry) ?? core.askedFreshness(entry)),
    );
    const asked: number[] = [];
    for (const [position, freshness] of (await inPlace(worth)).entries()) {
      const entry = entries[position];
      if (entry === undefined || freshness !== 'fresh') asked.push(position);
      else looked[position] = { found: { kind: 'entry', entry }, freshness, layer: 'l1' };
    }
    const batches = pagesOf(asked, batchSize);
    // A few at a time: while one is decoded, Redis is at work on the next.
    const remaining = batches[Symbol.iterator]();
    const lane = async (): Promise<void> => {
      for (const positions of remaining) {
        const found = await core.l1.readMany(positions.map((position) => complete[position] ?? ''));
        const known = await inPlace(found.map((one) => core.look(one)));
        for (const [index, position] of positions.entries()) looked[position] = known[index] ?? notLooked;
      }
    };
    await Promise.all(Array.from({ length: Math.min(READ_LANES, batches.length) }, lane));
    return looked;
  }

  #countMany(keys: readonly string[], looked: readonly Looked[]): void {
    const core = this.#core;
    const layers = { l1: { hit: 0, stale: 0 }, l2: { hit: 0, stale: 0 }, fallback: { hit: 0, stale: 0 } };
    let misses = 0;
    for (const [index, one] of looked.entries()) {
      if (served(one) === null) {
        misses += 1;
        continue;
      }
      layers[one.layer][one.freshness === 'stale' ? 'stale' : 'hit'] += 1;
      core.used(keys[index] ?? '');
    }
    for (const layer of ['l1', 'l2', 'fallback'] as const) {
      core.count('get', 'hit', layers[layer].hit, layer);
      core.count('get', 'stale', layers[layer].stale, layer);
    }
    core.count('get', 'miss', misses);
  }
}

const READ_LANES = 3;
/** What is made of entries in one turn of the event loop, in bytes, where each value takes as long as so many bytes of one. */
const TURN_WEIGHT = 512 * 1024;
const VALUE_WEIGHT = 1024;

/** Waits for those that are not there yet; without a wait where all are. */
function inPlace<Item>(items: readonly (Item | Promise<Item>)[]): readonly Item[] | Promise<Item[]> {
  return items.some((item) => item instanceof Promise) ? Promise.all(items) : (items as readonly Item[]);
}

/** What a reader without a loader gets of what was found. */
export function served({ found, freshness }: Looked): Entry | null {
  const isServed = found.kind === 'entry' && !found.entry.negative && (freshness === 'fresh' || freshness === 'stale');
  return isServed ? found.entry : null;
}
