import type { CacheCore, Looked } from './cache-core.ts';
import { cacheCount, type CountReply } from './count-script.ts';
import { offsets } from './entry.ts';
import { foreign, type Found, nothing } from './found.ts';
import { cacheHeads } from './heads-script.ts';
import { pagesOf } from './pages.ts';
import { inPlace, notLooked, served } from './reading.ts';
import { freshnessOf } from './staleness.ts';
import { decodeEntry } from './stored-entry.ts';
import { whereItIs } from './where-it-is.ts';

/** Keys of which one command asks for the heads. */
const HEADS_A_COMMAND = 500;

/** Tells of entries whether they are there, without moving their values. */
export class Presence {
  readonly #core: CacheCore;

  constructor(core: CacheCore) {
    this.#core = core;
  }

  /** Whether a read would find something under each of the keys; no use of the entries, and not counted. */
  async of(keys: readonly string[]): Promise<boolean[]> {
    return (await this.#lookWhereTheyAre(keys)).map((one) => served(one) !== null);
  }

  /** Those of the keys under which a read would find something, or that hold what is no entry: that takes a place, and can be removed. */
  async listed(keys: readonly string[]): Promise<string[]> {
    const looked = await this.#lookWhereTheyAre(keys);
    return keys.filter((_, index) => {
      const one = looked[index];
      return one !== undefined && (one.found.kind === 'foreign' || served(one) !== null);
    });
  }

  /** How many of the keys (complete ones) `listed` would name, without sending what stands there: one command per 500. */
  async count(complete: readonly string[]): Promise<number> {
    const core = this.#core;
    if (core.isOff) return 0;
    let counted = 0;
    for (const page of pagesOf(complete, HEADS_A_COMMAND)) {
      for (const [sure, ...heads] of await this.#counts(page)) {
        const worth = await inPlace(heads.map((head) => this.#worth(head)));
        counted += sure + worth.filter((one) => one.found.kind === 'foreign' || served(one) !== null).length;
      }
    }
    return counted;
  }

  async #counts(keys: readonly string[]): Promise<readonly CountReply[]> {
    const { engine } = this.#core;
    const args = [String(Math.trunc(this.#core.now()))];
    if (engine.slotOf === undefined) return [await engine.run(cacheCount, keys, args)];
    const results = await engine.batch(keys.map((key) => ({ op: 'run', script: cacheCount, keys: [key], args })));
    return results.map((result) => {
      if (!result.ok) throw result.error;
      return result.value as CountReply;
    });
  }

  async #lookWhereTheyAre(keys: readonly string[]): Promise<Looked[]> {
    const core = this.#core;
    const wanted = keys.map((key) => ({ complete: core.complete(key) }));
    if (core.isOff) return keys.map(() => notLooked);
    const looked = await whereItIs(
      core.fallback,
      wanted,
      (asked) => this.#look(asked.map(({ complete }) => complete)),
      (away): (Looked | Error)[] => away.map(({ complete }) => core.findInFallback(complete)),
    );
    return looked.map((one) => {
      if (one instanceof Error) throw one;
      return one;
    });
  }

  async #look(complete: readonly string[]): Promise<(Looked | Error)[]> {
    const core = this.#core;
    const looked = new Map<string, Looked | Error>();
    const unknown = new Set<string>();
    for (const key of complete) {
      const kept = core.l1.get(key);
      const freshness = kept === undefined ? undefined : core.knownFreshness(kept.entry);
      if (kept === undefined || freshness !== 'fresh') unknown.add(key);
      else looked.set(key, { found: { kind: 'entry', entry: kept.entry }, freshness, layer: 'l1' });
    }
    for (const page of pagesOf([...unknown], HEADS_A_COMMAND)) {
      // What has to be asked of tags is asked for all keys together.
      const heads = (await this.#heads(page)).map((head) => (head instanceof Error ? head : this.#worth(head)));
      for (const [index, one] of (await inPlace<Looked | Error>(heads)).entries()) looked.set(page[index] ?? '', one);
    }
    return complete.map((key) => looked.get(key) ?? { found: nothing, freshness: 'dead', layer: 'l2' });
  }

  #worth(head: Buffer): Looked | Promise<Looked> {
    const found = foundBy(head);
    // Nothing is made of what is no entry, and so it is not counted as met; of all else the key is of no consequence.
    return found.kind === 'foreign' ? { found, freshness: 'dead', layer: 'l2' } : this.#core.look(found, '');
  }

  /** On a cluster each key lies in a slot of its own. */
  async #heads(keys: readonly string[]): Promise<readonly (Buffer | Error)[]> {
    const { engine } = this.#core;
    if (engine.slotOf === undefined) return engine.run(cacheHeads, keys, []);
    const results = await engine.batch(keys.map((key) => ({ op: 'run', script: cacheHeads, keys: [key], args: [] })));
    return results.map((result) => (result.ok ? ((result.value as readonly [Buffer])[0] ?? none) : result.error));
  }
}

const none = Buffer.alloc(0);

/**
 * Whether a reader would be given the entry of that head, and its rev. Where nobody can say what its tags went through that is an
 * error, in the place of the miss that a reader gets.
 */
export async function servedByHead(core: CacheCore, head: Buffer): Promise<{ isServed: boolean; rev: string }> {
  const found = foundBy(head);
  // A head that says nothing that this version understands.
  if (found.kind !== 'entry') return { isServed: false, rev: head.toString('latin1', offsets.rev, offsets.lease) };
  const { entry } = found;
  const verdict = core.tags.verdictOf(entry) ?? (await core.tags.askVerdictOf(entry));
  const freshness = freshnessOf(entry, verdict, core.now());
  return { isServed: served({ found, freshness, layer: 'l2' }) !== null, rev: entry.rev };
}

/** Whether the head is of something that stands there, and is no entry. */
export function isNoEntry(head: Buffer): boolean {
  return foundBy(head).kind === 'foreign';
}

/** An entry without its body. */
function foundBy(head: Buffer): Found {
  if (head.length === 0) return nothing;
  const entry = decodeEntry(head);
  return entry === null ? foreign : { kind: 'entry', entry };
}
