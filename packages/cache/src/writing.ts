import { type BatchOperation, type Bytes, fromReplyError } from '@holdfast/redis-core';
import type { CacheCore } from './cache-core.ts';
import { encodeEntry, randomToken } from './entry.ts';
import type { GetOrSet } from './get-or-set.ts';
import type { WriteItem, WriteOutcome } from './options.ts';
import { cacheWrite, type WriteReply } from './scripts.ts';
import type { Fill } from './loading.ts';

const outcomeNames = ['created', 'replaced', 'unchanged'] as const;

interface Sealed {
  /** In the list that was given. */
  readonly position: number;
  readonly complete: string;
  readonly fill: Fill;
}

/** Writes and removes entries of one namespace, through all tiers. */
export class Writing {
  readonly #core: CacheCore;
  readonly #loads: GetOrSet;

  constructor(core: CacheCore, loads: GetOrSet) {
    this.#core = core;
    this.#loads = loads;
  }

  /** One script call for a batch: per item what happened, or why it did not. */
  async write(items: readonly WriteItem[]): Promise<(WriteOutcome | Error)[]> {
    const core = this.#core;
    const results: (WriteOutcome | Error)[] = items.map(() => 'off');
    const sealed: Sealed[] = [];
    for (const [position, item] of items.entries()) {
      try {
        sealed.push({ position, complete: core.complete(item.key), fill: core.seal(item) });
      } catch (error) {
        results[position] = error instanceof Error ? error : new Error(String(error));
      }
    }
    if (core.isOff || sealed.length === 0) return results;
    const keys = sealed.map(({ complete }) => complete);
    const replies = await this.#changing(
      'set',
      keys,
      () => this.#send(sealed),
      () =>
        sealed.map(({ complete, fill }): 0 | 1 => {
          const existed = core.failover?.get(complete) !== undefined;
          this.#noteAway(complete);
          const entry = core.asEntry(fill);
          if (entry !== null) core.failover?.set(complete, entry);
          return existed ? 1 : 0;
        }),
    );
    for (const [index, reply] of replies.entries()) {
      const position = sealed[index]?.position;
      if (position === undefined) continue;
      if (typeof reply === 'number') {
        results[position] = outcomeNames[reply];
        core.stored(items[position]?.key ?? '', sealed[index]?.fill.keepMs ?? null);
      } else {
        results[position] = fromReplyError(reply.toString());
      }
    }
    return results;
  }

  async #send(sealed: readonly Sealed[]): Promise<WriteReply> {
    const { engine, tagsKey } = this.#core;
    const isTagged = sealed.some(({ fill }) => fill.entry.tags.length > 0);
    if (engine.slotOf !== undefined) return this.#sendApart(sealed, isTagged);
    const args: Bytes[] = [isTagged ? randomToken() : ''];
    for (const { fill } of sealed) args.push(String(fill.keepMs ?? 0), this.#core.encode(fill.entry));
    const keys = sealed.map(({ complete }) => complete);
    return engine.run(cacheWrite, isTagged ? [tagsKey, ...keys] : keys, args);
  }

  /** On a cluster each key lies in a slot of its own: a command for each, all in flight at once. */
  async #sendApart(sealed: readonly Sealed[], isTagged: boolean): Promise<WriteReply> {
    const core = this.#core;
    const stamp = isTagged ? await core.stampNow() : null;
    const operations = sealed.map(({ complete, fill }): BatchOperation => {
      const value = encodeEntry({ ...fill.entry, stamp: fill.entry.tags.length === 0 ? null : stamp });
      return { op: 'run', script: cacheWrite, keys: [complete], args: ['', String(fill.keepMs ?? 0), value] };
    });
    return (await core.engine.batch(operations)).map((result) => {
      if (!result.ok) throw result.error;
      return (result.value as WriteReply)[0] ?? 0;
    });
  }

  /** Writes one entry without asking what was there: a plain SET where it has no tags. */
  async set(key: string, value: Omit<WriteItem, 'key'>): Promise<void> {
    const core = this.#core;
    if ((value.tags?.length ?? 0) > 0 || core.isOff) {
      const [outcome] = await this.write([{ ...value, key }]);
      if (outcome instanceof Error) throw outcome;
      return;
    }
    const complete = core.complete(key);
    const fill = core.seal(value);
    await this.#changing(
      'set',
      [complete],
      () => core.engine.set(complete, core.encode(fill.entry), fill.keepMs === null ? {} : { pxMs: fill.keepMs }),
      () => {
        this.#noteAway(complete);
        const entry = core.asEntry(fill);
        if (entry !== null) core.failover?.set(complete, entry);
        return { stored: true, previous: null };
      },
    );
    core.stored(key, fill.keepMs);
  }

  /** Writes only where there is nothing. While Redis is away nobody can know that: it fails. */
  async create(key: string, value: Omit<WriteItem, 'key'>): Promise<WriteOutcome> {
    const core = this.#core;
    const complete = core.complete(key);
    const { entry, keepMs } = core.seal(value);
    if (core.isOff) return 'off';
    const stamp = entry.tags.length === 0 ? null : await core.stampNow();
    core.near.forget(complete);
    const { stored } = await core.engine.set(complete, encodeEntry({ ...entry, stamp }), {
      nx: true,
      ...(keepMs === null ? {} : { pxMs: keepMs }),
    });
    this.#forget(complete);
    core.count('set', 'stored', stored ? 1 : 0);
    if (stored) core.stored(key, keepMs);
    return stored ? 'created' : 'exists';
  }

  /** Replies how many there were, of whatever type. */
  async delete(keys: readonly string[]): Promise<number> {
    const core = this.#core;
    const complete = keys.map((key) => core.complete(key));
    if (complete.length === 0) return 0;
    for (const key of keys) core.usage?.removed(core.namespace, key);
    return this.#changing(
      'delete',
      complete,
      () => core.engine.del(complete),
      () => complete.filter((key) => this.#noteAway(key)).length,
    );
  }

  /** What a write does around Redis: forgets what this process holds, before and after, and falls back where it may. */
  async #changing<Reply>(
    operation: 'set' | 'delete',
    keys: readonly string[],
    change: () => Promise<Reply>,
    away: () => Reply,
  ): Promise<Reply> {
    const core = this.#core;
    for (const key of keys) this.#forget(key);
    const outcome = operation === 'set' ? 'stored' : 'deleted';
    if (core.isAway) {
      const reply = away();
      core.count(operation, outcome, keys.length, 'fallback');
      return reply;
    }
    try {
      const reply = await change();
      core.count(operation, outcome, keys.length);
      return reply;
    } catch (error) {
      if (core.failover?.standsInFor(error) === true) {
        const reply = away();
        core.count(operation, outcome, keys.length, 'fallback');
        return reply;
      }
      core.count(operation, 'error', keys.length);
      throw error;
    } finally {
      for (const key of keys) this.#forget(key);
    }
  }

  #forget(complete: string): void {
    this.#core.near.forget(complete);
    this.#loads.detach(this.#core.keyOf(complete));
  }

  /** Notes that Redis must forget the key, and forgets it here; whether it was here. */
  #noteAway(complete: string): boolean {
    const core = this.#core;
    const existed = core.failover?.get(complete) !== undefined;
    core.failover?.invalidate({ area: core.namespace, kind: 'key', value: core.keyOf(complete), mode: 'delete' }, [
      complete,
    ]);
    return existed;
  }
}
