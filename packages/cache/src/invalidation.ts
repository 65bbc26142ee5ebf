import type { CacheCore } from './cache-core.ts';
import { randomToken } from './token.ts';
import { checkTags } from './errors.ts';
import type { Invalidation } from './failover.ts';
import type { GetOrSet } from './get-or-set.ts';
import type { InvalidateMode, InvalidateTarget } from './options.ts';
import { cacheExpire, cacheTagsInvalidate } from './scripts.ts';

/** How many tags a namespace notes one by one; beyond it a new epoch makes all its tagged entries invalid. */
const MAX_TAGS = 10_000;
/** Keys that one script call or UNLINK handles: few enough never to hold Redis for long. */
const STEP = 200;

/** Invalidates what a tag, a prefix or a whole namespace covers. */
export class Invalidating {
  readonly #core: CacheCore;
  readonly #loads: GetOrSet;

  constructor(core: CacheCore, loads: GetOrSet) {
    this.#core = core;
    this.#loads = loads;
  }

  /** How many entries it was; `null` where that is not known because tags make it one command. */
  async invalidate(target: InvalidateTarget, mode: InvalidateMode): Promise<number | null> {
    const core = this.#core;
    if ('tags' in target) checkTags(target.tags);
    if ('keys' in target) for (const key of target.keys) core.complete(key);
    if (core.isAway) return this.#away(target, mode);
    try {
      return await this.apply(target, mode);
    } catch (error) {
      if (core.failover?.standsInFor(error) === true) return this.#away(target, mode);
      throw error;
    }
  }

  /** Straight to Redis. */
  async apply(target: InvalidateTarget, mode: InvalidateMode): Promise<number | null> {
    const core = this.#core;
    if ('tags' in target) {
      if (target.tags.length === 0) return 0;
      core.leasing.noteTags();
      core.near.forget(core.tagsKey);
      this.#loads.detachAll();
      const noted = mode === 'delete' ? 'd:' : 'e:';
      await core.engine.run(
        cacheTagsInvalidate,
        [core.tagsKey],
        [randomToken(), String(MAX_TAGS), noted, ...target.tags],
      );
      core.near.forget(core.tagsKey);
      return null;
    }
    if ('keys' in target) return this.#keys(target.keys, mode);
    return this.#sweep('prefix' in target ? core.prefix(target.prefix) : core.prefix(), mode);
  }

  /** What the journal held for this namespace. */
  async applyJournal(invalidations: readonly Invalidation[]): Promise<void> {
    const core = this.#core;
    const keys = invalidations.filter(({ kind }) => kind === 'key').map(({ value }) => core.complete(value));
    for (let at = 0; at < keys.length; at += STEP) await core.engine.del(keys.slice(at, at + STEP));
    for (const mode of ['delete', 'expire'] as const) {
      const tags = invalidations.filter((one) => one.kind === 'tag' && one.mode === mode).map(({ value }) => value);
      for (let at = 0; at < tags.length; at += STEP) await this.apply({ tags: tags.slice(at, at + STEP) }, mode);
    }
    for (const { kind, value, mode } of invalidations) {
      if (kind === 'prefix') await this.apply({ prefix: value }, mode);
      if (kind === 'all') await this.apply({ all: true }, mode);
    }
  }

  async #keys(keys: readonly string[], mode: InvalidateMode): Promise<number> {
    const core = this.#core;
    const complete = keys.map((key) => core.complete(key));
    const forget = (): void => {
      for (const key of complete) core.near.forget(key);
      for (const key of keys) this.#loads.detach(key);
    };
    forget();
    let count = 0;
    for (let at = 0; at < complete.length; at += STEP) count += await this.#drop(complete.slice(at, at + STEP), mode);
    forget();
    return count;
  }

  async #sweep(prefix: string, mode: InvalidateMode): Promise<number> {
    const core = this.#core;
    core.near.forgetPrefix(prefix);
    this.#loads.detachAll();
    let count = 0;
    let cursor: string | null | undefined;
    while (cursor !== null) {
      const page = await core.engine.scan({
        prefix,
        type: 'string',
        count: 1000,
        ...(cursor === undefined ? {} : { cursor }),
      });
      for (let at = 0; at < page.keys.length; at += STEP)
        count += await this.#drop(page.keys.slice(at, at + STEP), mode);
      ({ cursor } = page);
    }
    core.near.forgetPrefix(prefix);
    return count;
  }

  async #drop(keys: readonly string[], mode: InvalidateMode): Promise<number> {
    const { engine, usage, namespace } = this.#core;
    if (mode === 'delete') {
      for (const key of keys) usage?.removed(namespace, this.#core.keyOf(key));
      return engine.del(keys);
    }
    if (engine.slotOf === undefined) return engine.run(cacheExpire, keys, []);
    const counts = await Promise.all(keys.map((key) => engine.run(cacheExpire, [key], [])));
    return counts.reduce((sum, one) => sum + one, 0);
  }

  /** Noted for Redis, and done here at once. */
  #away(target: InvalidateTarget, mode: InvalidateMode): null {
    const core = this.#core;
    const note = (kind: Invalidation['kind'], value: string, keys: readonly string[]): void =>
      core.failover?.invalidate({ area: core.namespace, kind, value, mode }, keys);
    this.#loads.detachAll();
    const held = [...(core.failover?.entries(core.prefix()) ?? [])];
    if ('tags' in target) {
      for (const tag of target.tags) {
        const tagged = held.filter(([, entry]) => entry.tags.includes(tag)).map(([key]) => key);
        note('tag', tag, tagged);
      }
    } else if ('keys' in target) {
      for (const key of target.keys) note('key', key, [core.complete(key)]);
    } else {
      const prefix = 'prefix' in target ? core.prefix(target.prefix) : core.prefix();
      const covered = held.filter(([key]) => key.startsWith(prefix)).map(([key]) => key);
      note('prefix' in target ? 'prefix' : 'all', 'prefix' in target ? target.prefix : '', covered);
    }
    return null;
  }
}
