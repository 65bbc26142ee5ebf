import type { CacheCore, Looked } from './cache-core.ts';
import { type Found, nothing } from './found.ts';
import { cacheHeads } from './heads-script.ts';
import { pagesOf } from './pages.ts';
import { served } from './reading.ts';
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
    const core = this.#core;
    const wanted = keys.map((key) => ({ complete: core.complete(key) }));
    if (core.isOff) return keys.map(() => false);
    const looked = await whereItIs(
      core.fallback,
      wanted,
      (asked) => this.#look(asked.map(({ complete }) => complete)),
      ({ complete }): Looked | Error => core.findInFallback(complete),
    );
    return looked.map((one) => {
      if (one instanceof Error) throw one;
      return served(one) !== null;
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
      const heads = await this.#heads(page);
      for (const [index, key] of page.entries()) {
        const head = heads[index] ?? null;
        looked.set(key, head instanceof Error ? head : await core.look(foundBy(head)));
      }
    }
    return complete.map((key) => looked.get(key) ?? { found: nothing, freshness: 'dead', layer: 'l2' });
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

/** An entry without its body; whatever else stands there is nothing that could be read. */
function foundBy(head: Buffer | null): Found {
  const entry = head === null || head.length === 0 ? null : decodeEntry(head);
  return entry === null ? nothing : { kind: 'entry', entry };
}
