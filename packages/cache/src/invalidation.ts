import type { CacheCore } from './cache-core.ts';
import { checkTags } from './errors.ts';
import type { Fallback, Invalidation } from './fallback.ts';
import type { GetOrSet } from './get-or-set.ts';
import type { InvalidateMode, InvalidateTarget } from './options.ts';
import { cacheExpire } from './expire-script.ts';
import { randomToken } from './token.ts';
import { noteTags } from './tags-noting.ts';
import { whereItIs } from './where-it-is.ts';

/** Keys that one script call or UNLINK handles: few enough never to hold Redis for long. */
const STEP = 200;
/** How often a walk is begun anew because a master was lost on the way. */
const MAX_SWEEPS = 3;

/** Invalidates what a tag, a prefix or a whole namespace covers. */
export class Invalidating {
  readonly #core: CacheCore;
  readonly #loads: GetOrSet;

  constructor(core: CacheCore, loads: GetOrSet) {
    this.#core = core;
    this.#loads = loads;
  }

  /** How many entries it was; `null` where that is not known because tags make it one command. */
  async invalidate(target: InvalidateTarget, mode: InvalidateMode, signal?: AbortSignal): Promise<number | null> {
    const core = this.#core;
    if ('tags' in target) checkTags(target.tags);
    if ('keys' in target) for (const key of target.keys) core.complete(key);
    if (core.fallback === undefined) return this.apply(target, mode, signal);
    if ('tags' in target) return this.#tags(target.tags, mode, core.fallback);
    if ('keys' in target) return this.#keysWhereTheyAre(target.keys, mode, core.fallback);
    return this.#covered('prefix' in target ? target.prefix : undefined, mode, core.fallback, signal);
  }

  /** What tags went through is kept under one key; what carries them, anywhere. */
  async #tags(tags: readonly string[], mode: InvalidateMode, fallback: Fallback): Promise<number | null> {
    const core = this.#core;
    const state = { complete: core.tagsKey };
    const [count = 0] = await whereItIs(
      fallback,
      tags.length === 0 ? [] : [state],
      async () => [await this.apply({ tags }, mode)],
      async () => {
        await fallback.invalidate(
          tags.map((tag) => ({ area: core.namespace, kind: 'tag', value: tag, mode })),
          [],
        );
        core.l1.forget(core.tagsKey);
        this.#loads.detachAll();
        return [null];
      },
    );
    const tagged = [...fallback.entries(core.prefix())].filter(([, entry]) =>
      tags.some((tag) => entry.tags.includes(tag)),
    );
    fallback.forget(tagged.map(([key]) => key));
    return count;
  }

  async #keysWhereTheyAre(keys: readonly string[], mode: InvalidateMode, fallback: Fallback): Promise<number | null> {
    const core = this.#core;
    let count: number | null = 0;
    await whereItIs(
      fallback,
      keys.map((key) => ({ key, complete: core.complete(key) })),
      async (some) => {
        const there = await this.apply({ keys: some.map(({ key }) => key) }, mode);
        count = count === null || there === null ? null : count + there;
        return some.map(() => undefined);
      },
      async (away) => {
        const forget = (): void => {
          for (const { complete } of away) {
            this.#loads.detach(complete);
            core.l1.forget(complete);
          }
        };
        forget();
        await fallback.invalidate(
          away.map(({ key }) => ({ area: core.namespace, kind: 'key', value: key, mode })),
          away.map(({ complete }) => complete),
        );
        // What was loaded while this was noted.
        forget();
        count = null;
        return away.map(() => undefined);
      },
    );
    return count;
  }

  /** A prefix, or the whole namespace: its keys lie anywhere. */
  async #covered(
    prefix: string | undefined,
    mode: InvalidateMode,
    fallback: Fallback,
    signal: AbortSignal | undefined,
  ): Promise<number | null> {
    const core = this.#core;
    const start = core.prefix(prefix);
    let isComplete = !fallback.isActive;
    for (let tries = 1; ; tries += 1) {
      if (!isComplete) {
        // Before anything is removed, so that those masters that come back meanwhile are told as well.
        const kind = prefix === undefined ? 'all' : 'prefix';
        await fallback.invalidate([{ area: core.namespace, kind, value: prefix ?? '', mode }], []);
        this.#loads.detachAll();
        core.l1.forgetPrefix(start);
        fallback.forget([...fallback.entries(start)].map(([key]) => key));
      }
      if (fallback.isActiveForAll) return null;
      try {
        const count = await this.#sweep(start, mode, { skipsAway: !isComplete, signal });
        return isComplete ? count : null;
      } catch (error) {
        if (tries === MAX_SWEEPS || !fallback.answersForSome(error)) throw error;
        isComplete = false;
      }
    }
  }

  /** Straight to Redis. */
  async apply(target: InvalidateTarget, mode: InvalidateMode, signal?: AbortSignal): Promise<number | null> {
    const core = this.#core;
    if ('tags' in target) {
      if (target.tags.length === 0) return 0;
      core.leasing.noteTags();
      core.l1.forget(core.tagsKey);
      core.changes.tags(core.prefix(), target.tags);
      this.#loads.detachAll();
      try {
        await noteTags(core, target.tags, mode);
      } finally {
        core.l1.forget(core.tagsKey);
      }
      return null;
    }
    if ('keys' in target) return this.#keys(target.keys, mode);
    return this.#sweep('prefix' in target ? core.prefix(target.prefix) : core.prefix(), mode, {
      skipsAway: false,
      signal,
    });
  }

  /** What the journal held for this namespace. */
  async applyJournal(invalidations: readonly Invalidation[]): Promise<void> {
    const core = this.#core;
    const keys = invalidations.filter(({ kind }) => kind === 'key').map(({ value }) => core.complete(value));
    for (let at = 0; at < keys.length; at += STEP) await core.remove(keys.slice(at, at + STEP));
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
      for (const key of complete) {
        core.l1.forget(key);
        this.#loads.detach(key);
      }
    };
    forget();
    let count = 0;
    try {
      for (let at = 0; at < complete.length; at += STEP) count += await this.#drop(complete.slice(at, at + STEP), mode);
    } finally {
      forget();
    }
    return count;
  }

  async #sweep(
    prefix: string,
    mode: InvalidateMode,
    { skipsAway, signal }: { readonly skipsAway: boolean; readonly signal: AbortSignal | undefined },
  ): Promise<number> {
    const core = this.#core;
    core.l1.forgetPrefix(prefix);
    this.#loads.detachAll();
    let count = 0;
    try {
      const named = await this.#dropNamed(core.keyOf(prefix), mode, signal);
      count = named.count;
      let cursor: string | null | undefined = named.areAll ? null : undefined;
      while (cursor !== null) {
        signal?.throwIfAborted();
        const page = await core.engine.scan({
          prefix,
          type: 'string',
          count: 1000,
          skipsAway,
          ...(cursor === undefined ? {} : { cursor }),
        });
        for (let at = 0; at < page.keys.length; at += STEP)
          count += await this.#drop(page.keys.slice(at, at + STEP), mode);
        ({ cursor } = page);
      }
    } finally {
      // Redis may report own removals after their replies: an entry that was read between the first look and its removal is
      // still kept here. That holds also where the sweep was ended in the middle.
      core.l1.forgetPrefix(prefix);
    }
    return count;
  }

  /**
   * Those that the index names, where it knows every entry, and every lease under which one is being loaded: where it is written in
   * one step with them.
   */
  async #dropNamed(
    prefix: string,
    mode: InvalidateMode,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly count: number; readonly areAll: boolean }> {
    const core = this.#core;
    const index = core.keepsIndex ? await core.usage?.completeIndex(core.namespace) : undefined;
    let count = 0;
    if (index === undefined) return { count, areAll: false };
    for (let cursor: string | null | undefined; cursor !== null;) {
      signal?.throwIfAborted();
      const page = await index.page({ prefix, count: 1000, ...(cursor === undefined ? {} : { cursor }) });
      const keys = page.members.map(({ member }) => core.complete(member));
      for (let at = 0; at < keys.length; at += STEP) count += await this.#drop(keys.slice(at, at + STEP), mode);
      ({ cursor } = page);
    }
    // One that Redis evicted meanwhile had not named all of them.
    return { count, areAll: (await core.usage?.completeIndex(core.namespace)) !== undefined };
  }

  async #drop(keys: readonly string[], mode: InvalidateMode): Promise<number> {
    const { engine } = this.#core;
    if (mode === 'delete') return this.#core.remove(keys);
    const rev = randomToken();
    if (engine.slotOf === undefined) return engine.run(cacheExpire, keys, [rev]);
    const counts = await Promise.all(keys.map((key) => engine.run(cacheExpire, [key], [rev])));
    return counts.reduce((sum, one) => sum + one, 0);
  }
}
