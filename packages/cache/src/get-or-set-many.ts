import { setImmediate as turn } from 'node:timers/promises';
import { Turns } from '@holdfast/redis-core';
import type { CacheCore, Looked } from './cache-core.ts';
import type { Entry } from './entry.ts';
import { GatheredLeases } from './gathered-leases.ts';
import type { GetOrSet } from './get-or-set.ts';
import { JointLoad, type ManyLoader } from './joint-load.ts';
import type { LoadOptions } from './loader.ts';
import { pagesOf } from './pages.ts';
import { notLooked, type Reading } from './reading.ts';
import type { Opened } from './sealing.ts';
import type { Values } from './values.ts';

/** Keys that are looked up with one command, and commands under way at once. */
const LOOKS_A_COMMAND = 500;
const LOOK_LANES = 2;
/** Keys whose loads begin in one turn of the event loop. */
const LOADS_A_TURN = 50;

/** A key, and what was found under it. */
interface Wanted {
  readonly key: string;
  readonly looked: Looked;
}

interface Due extends Wanted {
  readonly entry: Entry;
}

/** Reads, and loads, many keys of one namespace, however many in steps that leave the event loop to others. */
export class GetOrSetMany {
  readonly #core: CacheCore;
  readonly #reading: Reading;
  readonly #single: GetOrSet;
  readonly #values: Values;

  constructor(core: CacheCore, reading: Reading, single: GetOrSet, values: Values) {
    this.#core = core;
    this.#reading = reading;
    this.#single = single;
    this.#values = values;
  }

  /**
   * One call of `loader` for all keys that are missing, and one behind the back of the caller for those that are due to be
   * refreshed. Each key has a lease of its own: one that somebody else loads is waited for, and asked of this loader only
   * when that comes to nothing.
   */
  async get<Value>(keys: readonly string[], loader: ManyLoader<Value>, options: LoadOptions): Promise<unknown[]> {
    const wanted = [...new Set(keys)];
    const looked = await this.#look(wanted);
    const values = new Map<string, unknown>();
    const [missing, due]: [Wanted[], Due[]] = [[], []];
    const turns = new Turns();
    for (const key of wanted) {
      const one = looked.get(key) ?? notLooked;
      const { found, freshness, layer } = one;
      const opened = this.#open(key, one);
      if (opened === undefined || found.kind !== 'entry') {
        missing.push({ key, looked: one });
        continue;
      }
      const { entry } = found;
      values.set(key, opened.value);
      if (layer !== 'fallback' && this.#single.isDue(entry, freshness)) due.push({ key, looked: one, entry });
      await turns.worked(entry.storedBytes);
    }
    await this.#refresh(due, loader, options);
    await this.#load(missing, loader, options, values);
    return keys.map((key) => values.get(key));
  }

  /** The value of what was found; `undefined` where it is to be loaded. */
  #open(key: string, { found, freshness }: Looked): Opened | undefined {
    if (found.kind !== 'entry' || (freshness !== 'fresh' && freshness !== 'stale')) return undefined;
    return this.#values.orNothing(this.#core.complete(key), found.entry);
  }

  async #look(keys: readonly string[]): Promise<Map<string, Looked>> {
    const looked = new Map<string, Looked>();
    const remaining = pagesOf(keys, LOOKS_A_COMMAND)[Symbol.iterator]();
    const lane = async (): Promise<void> => {
      for (const page of remaining) {
        const found = await this.#reading.lookMany(page, LOOKS_A_COMMAND).catch((error: unknown) => {
          if (this.#core.policy.onL2Error === 'throw') throw error;
          return []; // Their loader answers.
        });
        for (const [index, key] of page.entries()) looked.set(key, found[index] ?? notLooked);
        // Nobody has waited for what L1 had.
        await turn();
      }
    };
    await Promise.all(Array.from({ length: LOOK_LANES }, lane));
    return looked;
  }

  /** Loads what is missing, into `values`. */
  async #load<Value>(
    missing: readonly Wanted[],
    loader: ManyLoader<Value>,
    options: LoadOptions,
    values: Map<string, unknown>,
  ): Promise<void> {
    const load = new JointLoad(loader, missing);
    const leases = new GatheredLeases(this.#core.leasing);
    await inTurns(missing, async ({ key, looked }) => {
      try {
        const joint = { looked, leases, leave: () => load.leave(key) };
        const { value } = await this.#single.resolve(key, () => load.ask(key), options, joint);
        values.set(key, value);
      } finally {
        load.leave(key);
      }
    });
  }

  /** Begins to refresh what is due, and waits no longer than that. */
  async #refresh<Value>(due: readonly Due[], loader: ManyLoader<Value>, options: LoadOptions): Promise<void> {
    const load = new JointLoad(loader, due);
    const leases = new GatheredLeases(this.#core.leasing);
    await inTurns(due, ({ key, looked, entry }) => {
      this.#single.refresh(key, entry, () => load.ask(key), options, { looked, leases, leave: () => load.leave(key) });
      return Promise.resolve();
    });
  }
}

/** Begins the work on a few items in each turn of the event loop, and waits for all of it. */
async function inTurns<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  let begin: Promise<unknown> = Promise.resolve();
  await Promise.all(
    pagesOf(items, LOADS_A_TURN).map((page) => {
      const mine = begin;
      begin = begin.then(() => turn());
      return mine.then(() => Promise.all(page.map(work)));
    }),
  );
}
