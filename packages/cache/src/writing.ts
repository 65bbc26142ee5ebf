import { type BatchOperation, type Bytes, fromReplyError, scriptArguments, writeMany } from '@holdfast/redis-core';
import type { CacheCore } from './cache-core.ts';
import { encodeEntry } from './entry.ts';
import type { GetOrSet } from './get-or-set.ts';
import type { WriteItem, WriteOutcome } from './options.ts';
import { cacheWrite, type WriteReply } from './scripts.ts';
import type { Fill } from './sealing.ts';
import { randomToken } from './token.ts';

const outcomeNames = ['created', 'replaced', 'unchanged'] as const;

/** A key as its user knows it, and as Redis does. */
interface Target {
  readonly key: string;
  readonly complete: string;
}

interface Sealed extends Target {
  /** In the list that was given. */
  readonly position: number;
  readonly fill: Fill;
}

/** A number for what was stored, the text of its error for what was not. */
type Replies = readonly (number | Buffer)[];

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
    const results: (WriteOutcome | Error)[] = items.map(() => 'off');
    const sealed = this.#seal(items, results);
    const replies = await this.#carryOut(sealed, () => this.#send(sealed));
    for (const [index, { position }] of sealed.entries()) results[position] = outcomeOf(replies[index]);
    return results;
  }

  /** The same without asking what was there, which halves the work of Redis: per item why it was not stored. */
  async store(items: readonly WriteItem[]): Promise<(Error | null)[]> {
    const results: (Error | null)[] = items.map(() => null);
    const sealed = this.#seal(items, results);
    const isTagged = sealed.some(({ fill }) => fill.entry.tags.length > 0);
    const replies = await this.#carryOut(sealed, () => (isTagged ? this.#send(sealed) : this.#sendPlain(sealed)));
    for (const [index, { position }] of sealed.entries()) {
      const outcome = outcomeOf(replies[index]);
      if (outcome instanceof Error) results[position] = outcome;
    }
    return results;
  }

  /** Notes in `results` what cannot be stored. Empty for a namespace that is off. */
  #seal(items: readonly WriteItem[], results: unknown[]): Sealed[] {
    const core = this.#core;
    const sealed: Sealed[] = [];
    for (const [position, item] of items.entries()) {
      try {
        const fill = core.sealing.seal(item);
        sealed.push({ position, key: item.key, complete: core.complete(item.key), fill });
      } catch (error) {
        results[position] = error instanceof Error ? error : new Error(String(error));
      }
    }
    return core.isOff ? [] : sealed;
  }

  async #carryOut(sealed: readonly Sealed[], send: () => Promise<Replies>): Promise<Replies> {
    if (sealed.length === 0) return [];
    const replies = await this.#changing('set', sealed, send, () =>
      sealed.map((one): 0 | 1 => {
        const existed = this.#noteAway(one);
        this.#keepAway(one.complete, one.fill);
        return existed ? 1 : 0;
      }),
    );
    for (const [index, { key, fill }] of sealed.entries()) {
      if (typeof replies[index] === 'number') this.#core.stored(key, fill.keepMs);
    }
    return replies;
  }

  async #send(sealed: readonly Sealed[]): Promise<WriteReply> {
    const { engine, leasing, tagsKey } = this.#core;
    const isTagged = sealed.some(({ fill }) => fill.entry.tags.length > 0);
    if (isTagged) leasing.noteTags();
    if (engine.slotOf !== undefined) return this.#sendApart(sealed, isTagged);
    const args: Bytes[] = [isTagged ? randomToken() : ''];
    for (const { fill } of sealed) args.push(String(fill.keepMs ?? 0), this.#core.sealing.encode(fill.entry));
    const keys = sealed.map(({ complete }) => complete);
    return engine.run(cacheWrite, isTagged ? [tagsKey, ...keys] : keys, args);
  }

  async #sendPlain(sealed: readonly Sealed[]): Promise<Replies> {
    const { engine, sealing } = this.#core;
    const operations = sealed.map(({ complete, fill: { entry, keepMs } }) => {
      const value = sealing.encode(entry);
      return { op: 'set' as const, key: complete, value, ...(keepMs === null ? {} : { pxMs: keepMs }) };
    });
    if (engine.slotOf !== undefined) {
      return (await engine.batch(operations)).map((result) => {
        if (!result.ok) throw result.error;
        return 1;
      });
    }
    const keys = sealed.map(({ complete }) => complete);
    return engine.run(writeMany, keys, scriptArguments(operations));
  }

  /** On a cluster each key lies in a slot of its own: a command for each, all in flight at once. */
  async #sendApart(sealed: readonly Sealed[], isTagged: boolean): Promise<WriteReply> {
    const core = this.#core;
    const stamp = isTagged ? await core.stampNow() : null;
    const operations = sealed.map(({ complete, fill }): BatchOperation => {
      const value = encodeEntry(fill.entry, fill.entry.tags.length === 0 ? null : stamp);
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
    const fill = core.sealing.seal(value);
    const { keepMs } = fill;
    const encoded = core.sealing.encode(fill.entry);
    await this.#changing(
      'set',
      [{ key, complete }],
      () => core.engine.set(complete, encoded, keepMs === null ? undefined : { pxMs: keepMs }),
      () => {
        this.#noteAway({ key, complete });
        this.#keepAway(complete, fill);
        return { stored: true, previous: null };
      },
    );
    core.stored(key, keepMs);
  }

  /** Writes only where there is nothing. While Redis is away nobody can know that: it fails. */
  async create(key: string, value: Omit<WriteItem, 'key'>): Promise<WriteOutcome> {
    const core = this.#core;
    const complete = core.complete(key);
    const { entry, keepMs } = core.sealing.seal(value);
    if (core.isOff) return 'off';
    const stamp = entry.tags.length === 0 ? null : await core.stampNow();
    core.near.forget(complete);
    const { stored } = await core.engine.set(complete, encodeEntry(entry, stamp), {
      nx: true,
      ...(keepMs === null ? {} : { pxMs: keepMs }),
    });
    this.#forget({ key, complete });
    core.count('set', 'stored', stored ? 1 : 0);
    if (stored) core.stored(key, keepMs);
    return stored ? 'created' : 'exists';
  }

  /** Replies how many there were, of whatever type. */
  async delete(keys: readonly string[]): Promise<number> {
    const core = this.#core;
    const targets = keys.map((key): Target => ({ key, complete: core.complete(key) }));
    if (targets.length === 0) return 0;
    for (const key of keys) core.usage?.removed(core.namespace, key);
    return this.#changing(
      'delete',
      targets,
      () => core.engine.del(targets.map(({ complete }) => complete)),
      () => targets.filter((target) => this.#noteAway(target)).length,
    );
  }

  /** What a write does around Redis: forgets what this process holds, before and after, and falls back where it may. */
  async #changing<Reply>(
    operation: 'set' | 'delete',
    targets: readonly Target[],
    change: () => Promise<Reply>,
    away: () => Reply,
  ): Promise<Reply> {
    const core = this.#core;
    for (const target of targets) this.#forget(target);
    const outcome = operation === 'set' ? 'stored' : 'deleted';
    if (core.isAway) {
      const reply = away();
      core.count(operation, outcome, targets.length, 'fallback');
      return reply;
    }
    try {
      const reply = await change();
      core.count(operation, outcome, targets.length);
      return reply;
    } catch (error) {
      if (core.failover?.standsInFor(error) === true) {
        const reply = away();
        core.count(operation, outcome, targets.length, 'fallback');
        return reply;
      }
      core.count(operation, 'error', targets.length);
      throw error;
    } finally {
      for (const target of targets) this.#forget(target);
    }
  }

  #forget({ key, complete }: Target): void {
    this.#core.near.forget(complete);
    this.#loads.detach(key);
  }

  /** Notes that Redis must forget the key, and forgets it here; whether it was here. */
  #noteAway({ key, complete }: Target): boolean {
    const { failover, namespace } = this.#core;
    const existed = failover?.get(complete) !== undefined;
    failover?.invalidate({ area: namespace, kind: 'key', value: key, mode: 'delete' }, [complete]);
    return existed;
  }

  #keepAway(complete: string, fill: Fill): void {
    const entry = this.#core.sealing.asEntry(fill);
    if (entry !== null) this.#core.failover?.set(complete, entry);
  }
}

function outcomeOf(reply: number | Buffer | undefined): WriteOutcome | Error {
  return typeof reply === 'number' ? (outcomeNames[reply] ?? 'replaced') : fromReplyError(String(reply));
}
