import { type BatchOperation, type Bytes, fromReplyError, scriptArguments, writeMany } from '@holdfast/redis-core';
import { asError } from './as-error.ts';
import { releaseBody } from './body-memory.ts';
import type { CacheCore } from './cache-core.ts';
import { encodeEntry } from './entry.ts';
import type { GetOrSet } from './get-or-set.ts';
import { inParts } from './in-parts.ts';
import type { WriteItem, WriteOutcome } from './options.ts';
import { cacheWrite, type WriteReply } from './write-script.ts';
import { isNoEntry, servedByHead } from './presence.ts';
import type { Fill } from './sealing.ts';
import { randomToken } from './token.ts';
import { whereItIs } from './where-it-is.ts';

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

/** A number for what was stored; for what was not the text of its error, or the error. */
type Reply = number | Buffer | Error;
type Replies = readonly Reply[];

/** Is told of keys that were changed in this process, as Redis is away for them. */
type OnFallback = (keys: readonly string[]) => void;

/** Writes and removes entries of one namespace, through all tiers. */
export class Writing {
  readonly #core: CacheCore;
  readonly #loads: GetOrSet;

  constructor(core: CacheCore, loads: GetOrSet) {
    this.#core = core;
    this.#loads = loads;
  }

  /** One script call for a batch: per item what happened, or why it did not. */
  async write(items: readonly WriteItem[], onFallback?: OnFallback): Promise<(WriteOutcome | Error)[]> {
    const results: (WriteOutcome | Error)[] = items.map(() => 'off');
    const sealed = this.#seal(items, results);
    const replies = await this.#carryOut(sealed, (some) => this.#send(some), onFallback);
    for (const [index, one] of sealed.entries()) results[one.position] = this.#outcomeOf(one, replies[index]);
    return results;
  }

  /** The same without asking what was there, which halves the work of Redis: per item why it was not stored. */
  async store(items: readonly WriteItem[], onFallback?: OnFallback): Promise<(Error | null)[]> {
    const results: (Error | null)[] = items.map(() => null);
    const sealed = this.#seal(items, results);
    const isTagged = sealed.some(({ fill }) => fill.entry.tags.length > 0);
    const send = (some: readonly Sealed[]): Promise<Replies> => (isTagged ? this.#send(some) : this.#sendPlain(some));
    const replies = await this.#carryOut(sealed, send, onFallback);
    for (const [index, one] of sealed.entries()) {
      const outcome = this.#outcomeOf(one, replies[index]);
      if (outcome instanceof Error) results[one.position] = outcome;
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

  async #carryOut(
    sealed: readonly Sealed[],
    send: (some: readonly Sealed[]) => Promise<Replies>,
    onFallback?: OnFallback,
  ): Promise<Replies> {
    if (sealed.length === 0) return [];
    const sendAndRelease = async (some: readonly Sealed[]): Promise<Replies> => {
      const answers = await inParts(some, send);
      for (const [index, { fill }] of some.entries()) {
        if (typeof answers[index] === 'number') this.#release(fill);
      }
      return answers;
    };
    const keepHere = async (away: readonly Sealed[]): Promise<Replies> => {
      const existed = await this.#noteAway(away);
      for (const { complete, fill } of away) this.#keepAway(complete, fill);
      return existed.map((did) => (did ? 1 : 0));
    };
    const replies = await this.#changing('set', sealed, sendAndRelease, keepHere, onFallback);
    for (const [index, { key, fill }] of sealed.entries()) {
      if (typeof replies[index] === 'number') this.#core.stored(key, fill.keepMs);
    }
    if (sealed.length > 1) await this.#core.usage?.relieve(this.#core.namespace);
    return replies;
  }

  /** Redis has it. The memory engine holds what it was given, so there it stays. */
  #release({ entry }: Fill): void {
    if (this.#core.engine.kind !== 'memory') releaseBody(entry.body);
  }

  async #send(sealed: readonly Sealed[]): Promise<Replies> {
    const { engine, leasing, tagsKey } = this.#core;
    const isTagged = sealed.some(({ fill }) => fill.entry.tags.length > 0);
    if (isTagged) leasing.noteTags();
    if (engine.slotOf !== undefined) return this.#sendApart(sealed, isTagged);
    const args: Bytes[] = [isTagged ? randomToken() : ''];
    for (const { fill } of sealed) args.push(String(fill.keepMs ?? 0), this.#core.sealing.encode(fill.entry));
    const keys = sealed.map(({ complete }) => complete);
    return this.#core.run(cacheWrite, isTagged ? [tagsKey, ...keys] : keys, args);
  }

  async #sendPlain(sealed: readonly Sealed[]): Promise<Replies> {
    const { engine, sealing } = this.#core;
    const operations = sealed.map(({ complete, fill: { entry, keepMs } }) => {
      const value = sealing.encode(entry);
      return { op: 'set' as const, key: complete, value, ...(keepMs === null ? {} : { pxMs: keepMs }) };
    });
    if (engine.slotOf !== undefined) {
      return (await engine.batch(operations)).map((result) => (result.ok ? 1 : result.error));
    }
    const keys = sealed.map(({ complete }) => complete);
    return this.#core.run(writeMany, keys, scriptArguments(operations));
  }

  /** On a cluster each key lies in a slot of its own: a command for each, all in flight at once. */
  async #sendApart(sealed: readonly Sealed[], isTagged: boolean): Promise<Replies> {
    const core = this.#core;
    const stamp = isTagged ? await core.stampNow(longest(sealed)).catch(asError) : null;
    const replies = new Map<Sealed, Reply>();
    const operations = new Map<Sealed, BatchOperation>();
    for (const one of sealed) {
      const { complete, fill } = one;
      const isPlain = fill.entry.tags.length === 0;
      // A value that no tag could ever invalidate is not stored; the others of the batch are.
      if (!isPlain && stamp instanceof Error) replies.set(one, stamp);
      else {
        const value = encodeEntry(fill.entry, isPlain || stamp instanceof Error ? null : stamp);
        const args = ['', String(fill.keepMs ?? 0), value];
        operations.set(one, { op: 'run', script: cacheWrite, keys: [complete], args });
      }
    }
    const results = await core.engine.batch([...operations.values()]);
    for (const [index, one] of [...operations.keys()].entries()) {
      const result = results[index];
      if (result?.ok === true) replies.set(one, (result.value as WriteReply)[0] ?? 0);
      else if (result !== undefined) replies.set(one, result.error);
    }
    return sealed.map((one) => replies.get(one) ?? 0);
  }

  /** Writes one entry without asking what was there: a plain SET where it has no tags. */
  async set(key: string, value: Omit<WriteItem, 'key'>): Promise<void> {
    const core = this.#core;
    if ((value.tags?.length ?? 0) > 0 || core.isOff || core.keepsIndex) {
      const [outcome] = await this.write([{ ...value, key }]);
      if (outcome instanceof Error) throw outcome;
      return;
    }
    const complete = core.complete(key);
    const fill = core.sealing.seal(value);
    const { keepMs } = fill;
    const encoded = core.sealing.encode(fill.entry);
    const target = { key, complete };
    this.#forgetBefore(target);
    if (core.isOnFallbackFor(complete)) await this.#setInFallback(target, fill);
    else {
      // The way of most writes: no list of one, and one wait.
      try {
        await core.engine.set(complete, encoded, keepMs === null ? undefined : { pxMs: keepMs });
        core.count('set', 'stored', 1);
      } catch (error) {
        if (core.fallback?.answersFor(error, complete) !== true) {
          core.count('set', 'error', 1);
          throw error;
        }
        await this.#setInFallback(target, fill);
      } finally {
        this.#forget(target);
      }
    }
    core.stored(key, keepMs);
  }

  async #setInFallback(target: Target, fill: Fill): Promise<void> {
    await this.#noteAway([target]);
    this.#keepAway(target.complete, fill);
    this.#core.count('set', 'stored', 1, 'fallback');
  }

  /**
   * Removes what is under a key, of whatever type. One command; where an entry was there whose tags have to be asked for, a second.
   * Replies whether it was an entry that a reader would have been given, or something that is no entry.
   */
  async remove(key: string): Promise<boolean> {
    const core = this.#core;
    const target = { key, complete: core.complete(key) };
    const [was] = await this.#changing(
      'delete',
      [target],
      async (): Promise<readonly (Buffer | boolean)[]> => [await core.removeOne(target.complete)],
      (away) => this.#noteAway(away),
    );
    if (!Buffer.isBuffer(was)) return was === true;
    if (isNoEntry(was)) return true;
    // It is gone. Where nobody can say what its tags went through, a reader would have been given nothing.
    return servedByHead(core, was).then(
      ({ isServed }) => isServed,
      () => false,
    );
  }

  /** Replies how many there were, of whatever type. */
  async delete(keys: readonly string[], onFallback?: OnFallback): Promise<number> {
    const core = this.#core;
    const targets = keys.map((key): Target => ({ key, complete: core.complete(key) }));
    if (targets.length === 0) return 0;
    let removed = 0;
    const here = await this.#changing(
      'delete',
      targets,
      async (some) => {
        removed = await core.remove(some.map(({ complete }) => complete));
        return some.map(() => false);
      },
      (away) => this.#noteAway(away),
      onFallback,
    );
    return removed + here.filter(Boolean).length;
  }

  /** What a write does around Redis: forgets what this process holds, before and after, and falls back where it may. */
  async #changing<Of extends Target, Outcome>(
    operation: 'set' | 'delete',
    targets: readonly Of[],
    change: (some: readonly Of[]) => Promise<readonly Outcome[]>,
    inFallback: (targets: readonly Of[]) => Promise<readonly Outcome[]>,
    onFallback?: OnFallback,
  ): Promise<readonly Outcome[]> {
    const core = this.#core;
    for (const target of targets) this.#forgetBefore(target);
    const outcome = operation === 'set' ? 'stored' : 'deleted';
    let here = 0;
    try {
      const replies = await whereItIs(core.fallback, targets, change, async (away) => {
        const outcomes = await inFallback(away);
        here += away.length;
        onFallback?.(away.map(({ key }) => key));
        return outcomes;
      });
      const failed = replies.filter((reply) => reply instanceof Error).length;
      core.count(operation, outcome, replies.length - here - failed);
      core.count(operation, outcome, here, 'fallback');
      core.count(operation, 'error', failed);
      return replies;
    } catch (error) {
      core.count(operation, 'error', targets.length);
      throw error;
    } finally {
      for (const target of targets) this.#forget(target);
    }
  }

  #forgetBefore(target: Target): void {
    const { fallback } = this.#core;
    this.#forget(target);
    // What the fallback holds for an outage that may follow; during one it is what is changed.
    if (fallback !== undefined && !fallback.isActiveFor(target.complete)) fallback.forget([target.complete]);
  }

  #forget({ complete }: Target): void {
    this.#core.l1.forget(complete);
    this.#loads.detach(complete);
  }

  /** Notes that Redis must forget the keys, and forgets them here; of each, whether it was here. */
  async #noteAway(targets: readonly Target[]): Promise<boolean[]> {
    const { fallback, namespace } = this.#core;
    const existed = targets.map(({ complete }) => fallback?.get(complete) !== undefined);
    await fallback?.invalidate(
      targets.map(({ key }) => ({ area: namespace, kind: 'key', value: key, mode: 'delete' })),
      targets.map(({ complete }) => complete),
    );
    return existed;
  }

  #outcomeOf({ complete }: Target, reply: Reply | undefined): WriteOutcome | Error {
    if (reply instanceof Error) return reply;
    if (typeof reply === 'number') return outcomeNames[reply] ?? 'replaced';
    const text = String(reply);
    this.#core.engine.noteRefusal?.(complete, text);
    return fromReplyError(text);
  }

  #keepAway(complete: string, fill: Fill): void {
    const entry = this.#core.sealing.asEntry(fill);
    if (entry !== null) this.#core.fallback?.set(complete, entry);
  }
}

/** For how long the one with tags is kept that is kept longest; `null`: for ever. */
function longest(sealed: readonly Sealed[]): number | null {
  const kept = sealed.filter(({ fill }) => fill.entry.tags.length > 0).map(({ fill }) => fill.keepMs ?? Infinity);
  const longestMs = Math.max(...kept);
  return longestMs === Infinity ? null : longestMs;
}
