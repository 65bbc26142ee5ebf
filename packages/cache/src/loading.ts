import { type Bytes, CommandError, fromReplyError, type RedisEngine, WrongTypeError } from '@holdfast/redis-core';
import { encodeEntry, type Entry, STAMP_OF_WRITE, type TagStamp } from './entry.ts';
import { decodeFound, foreign, type Found } from './found.ts';
import type { RunScript } from './index-script.ts';
import { loadingMarker } from './marker.ts';
import type { L1Cache } from './l1-cache.ts';
import { asError } from './as-error.ts';
import { Renewals } from './renewals.ts';
import { cacheFill } from './fill-script.ts';
import { cacheLease, type LeaseResult } from './lease-script.ts';
import { cacheRelease } from './release-script.ts';
import type { Fill } from './sealing.ts';
import { decodeEntry } from './stored-entry.ts';
import type { Tags } from './tags.ts';
import { randomToken } from './token.ts';

export type LeaseOutcome<Held extends HeldLease = HeldLease> =
  /** It is this caller's turn to load. */
  | {
      readonly kind: 'ours';
      readonly lease: Held;
      /** The entry of that `rev` is still there: nobody took it away while the lease was asked for. */
      readonly refreshes: boolean;
    }
  | { readonly kind: 'theirs'; readonly token: string }
  | { readonly kind: 'entry'; readonly entry: Entry }
  /** The key holds something that only an explicit write may replace: load, and store nothing. */
  | { readonly kind: 'foreign' };

/** Where leases come from: one by one, or gathered for many keys. */
export interface LeaseSource {
  /** `rev`: of the entry to load again. */
  take(key: string, rev: string | undefined): Promise<LeaseOutcome>;
}

/** A lease that this process holds. */
export interface HeldLease {
  readonly token: string;
  /** Stores what was loaded; replies whether nobody wrote, deleted or invalidated meanwhile. */
  fill(fill: Fill): Promise<boolean>;
  /** Gives it back without a value: see `Lease`. */
  release(message: string, stayMs: number): Promise<boolean>;
}

/** What was loaded under a lease. */
export interface LeasedFill {
  readonly lease: Lease;
  readonly fill: Fill;
}

export interface LeasingOptions {
  readonly engine: RedisEngine;
  /** Runs a script that writes an entry, on the index of the namespace too. */
  readonly run: RunScript;
  readonly l1: L1Cache;
  /**
   * What the namespace's tags went through until now; asked for where a script cannot read them along. `undefined`: nobody
   * can say, and so what has tags cannot be stored.
   */
  readonly stampNow: () => Promise<TagStamp | undefined>;
  /** Where that was asked for: an entry with tags is kept for so long (`null`: for ever), and so must be what is noted of them. */
  readonly outlive: (keepMs: number | null) => Promise<void>;
  readonly tags: Tags;
  /** Of the namespace's tags. */
  readonly tagsKey: string;
  readonly leaseMs: number;
}

/**
 * Takes leases to load entries. The lease lives under the entry's own key (a marker) or in its head (a token), so that a
 * set, a delete, an expiry or a flush during the load takes it away by itself, and the fill is then refused.
 */
export class Leasing implements LeaseSource {
  readonly #options: LeasingOptions;
  readonly #renewals: Renewals;
  /** Whether the server knows `SET … NX GET` (Redis 7); found out by asking. */
  #setsAndGets = true;
  /** Whether tags were ever used in the namespace, as a script said, or as was done here. */
  #hasTags = false;
  /** The script has just said that there is no state of tags: to be read once, so that the end of that is reported. */
  #mayRead = false;

  constructor(options: LeasingOptions) {
    this.#options = options;
    this.#renewals = new Renewals(options.engine, options.leaseMs);
  }

  /**
   * One command; once in a process and namespace two. The first lease is taken by the script, which asks for the state of
   * the tags as well; where there is none, the next one reads it in a way that Redis reports its change, and from then on it
   * is known. `rev`: of the entry to load again.
   */
  async take(key: string, rev: string | undefined): Promise<LeaseOutcome<Lease>> {
    const stamp = rev === undefined && this.#setsAndGets ? this.#stampForPlain() : undefined;
    const taken = stamp === undefined ? undefined : await this.#takePlain(key, stamp);
    if (taken !== undefined) return taken;
    const [outcome = unanswered] = await this.#takeByScript([key], rev);
    if (outcome instanceof Error) throw outcome;
    return outcome;
  }

  /**
   * Leases of keys under which there is nothing, as far as is known: one command for all of them, on a cluster one each.
   * In the order of the keys.
   */
  takeMany(keys: readonly string[]): Promise<readonly (LeaseOutcome<Lease> | Error)[]> {
    return this.#takeByScript(keys, undefined);
  }

  /**
   * Stores what was loaded under several leases, as `Lease.fill` does it for one: one command, on a cluster one each.
   * Replies in their order whether nobody wrote, deleted or invalidated meanwhile, or why it could not be done.
   */
  async fillMany(fills: readonly LeasedFill[]): Promise<readonly (boolean | Error)[]> {
    const { engine, tagsKey } = this.#options;
    const apart = (): Promise<readonly (boolean | Error)[]> =>
      Promise.all(fills.map(({ lease, fill }) => lease.fill(fill).catch(asError)));
    if (engine.slotOf !== undefined) return apart();
    const keys: string[] = [];
    const args: Bytes[] = [];
    let checksTags = false;
    for (const { lease, fill } of fills) {
      const prepared = lease.prepare(fill);
      // Only on a cluster may it be unknown what the tags went through.
      if (prepared === undefined) return apart();
      const { token, keepMs, value, tags } = prepared;
      checksTags ||= tags.length > 0;
      keys.push(lease.key);
      args.push(token, keepMs, value, `${tags.length}`, ...tags);
    }
    args.unshift(checksTags ? randomToken() : '');
    const replies = await this.#options.run(cacheFill, checksTags ? [tagsKey, ...keys] : keys, args);
    return replies.map((reply) => (typeof reply === 'number' ? reply === 1 : fromReplyError(String(reply))));
  }

  /** This process is about to write an entry with tags, or to invalidate some. */
  noteTags(): void {
    this.#hasTags = true;
  }

  /**
   * What the tags went through before the load, for a lease that does not ask for it; `undefined` where only the script can
   * say. One that is kept may be a moment old, which errs to the safe side.
   */
  #stampForPlain(): TagStamp | null | Promise<TagStamp | null> | undefined {
    const { l1 } = this.#options;
    if (!l1.keepsTracked) return undefined;
    const { tags } = this.#options;
    const kept = tags.stamp;
    // That there was no state may be over by a write of this process which has not been reported yet.
    if (kept === null && this.#hasTags) return undefined;
    if (kept !== undefined) return kept;
    // Tags that are invalidated now and then may be many, and would all be read again after each time.
    if (this.#hasTags || !this.#mayRead) return undefined;
    this.#mayRead = false;
    return tags.read();
  }

  /** `SET key marker NX GET PX`: a tenth of what a script costs Redis. `undefined`: it takes the script to know. */
  async #takePlain(
    key: string,
    before: TagStamp | null | Promise<TagStamp | null>,
  ): Promise<LeaseOutcome<Lease> | undefined> {
    const token = randomToken();
    const asked = this.#mark(key, token);
    // In one round trip, and both before the load.
    const [there, stamp] = before instanceof Promise ? await Promise.all([asked, before]) : [await asked, before];
    if (stamp !== null) this.#hasTags = true;
    if (there === undefined) return undefined;
    if (there.kind === 'nothing') return this.#ours(key, token, stamp, false);
    if (there.kind !== 'marker') return there;
    // What a loader that failed has left is for the script to take over.
    return there.marker.kind === 'loading' ? { kind: 'theirs', token: there.marker.token } : undefined;
  }

  /** Puts a marker where there is nothing; replies what was there. `undefined`: the server cannot do so. */
  async #mark(key: string, token: string): Promise<Found | undefined> {
    const { engine, leaseMs } = this.#options;
    try {
      const { previous } = await engine.set(key, loadingMarker(token), { nx: true, get: true, pxMs: leaseMs });
      return decodeFound(previous);
    } catch (error) {
      if (error instanceof WrongTypeError) return foreign;
      if (!(error instanceof CommandError) || !error.message.includes('syntax error')) throw error;
      this.#setsAndGets = false;
      return undefined;
    }
  }

  async #takeByScript(
    keys: readonly string[],
    rev: string | undefined,
  ): Promise<readonly (LeaseOutcome<Lease> | Error)[]> {
    const { engine, tagsKey, leaseMs } = this.#options;
    const isApart = engine.slotOf !== undefined;
    const taken = keys.map((key) => ({ key, token: randomToken() }));
    const argsOf = ({ token }: { readonly token: string }): string[] => [token, `${leaseMs}`, rev ?? ''];
    if (isApart) {
      // Before the lease, and so before the load: a stamp that is too old only makes an entry invalid too early.
      const before = await this.#options.stampNow();
      return Promise.all(
        taken.map(async (one) => {
          try {
            const [, reply] = await engine.run(cacheLease, [one.key], ['0', '', ...argsOf(one)]);
            return this.#outcome(one.key, one.token, reply, before);
          } catch (error) {
            return asError(error);
          }
        }),
      );
    }
    const [stamp, ...replies] = await engine.run(cacheLease, [tagsKey, ...keys], ['1', '', ...taken.flatMap(argsOf)]);
    if (stamp !== null) this.#hasTags = true;
    this.#mayRead = stamp === null;
    const seen = stamp === null ? null : { epoch: stamp[0].toString(), seq: Number(stamp[1].toString()) };
    return taken.map(({ key, token }, index) => this.#outcome(key, token, replies[index], seen));
  }

  #outcome(key: string, token: string, reply: LeaseResult | undefined, stamp: Stamp): LeaseOutcome<Lease> {
    if (reply === undefined || reply[0] === 3) return { kind: 'foreign' };
    if (reply[0] === 1 || reply[0] === 4) return this.#ours(key, token, stamp, reply[0] === 4);
    if (reply[0] === 2) return { kind: 'theirs', token: reply[1].toString() };
    const entry = decodeEntry(reply[1]);
    return entry === null ? { kind: 'foreign' } : { kind: 'entry', entry };
  }

  #ours(key: string, token: string, stamp: Stamp, refreshes: boolean): LeaseOutcome<Lease> {
    const lease = new Lease(this.#options, {
      key,
      token,
      stamp,
      stopRenewing: this.#renewals.keep(key, token),
      noteTags: () => this.noteTags(),
    });
    return { kind: 'ours', lease, refreshes };
  }
}

/** A script that replied for fewer keys than it was given. */
const unanswered = new Error('Redis has not said what became of the lease.');

/** What the tags went through before a load; `null`: nothing, `undefined`: nobody knows. */
type Stamp = TagStamp | null | undefined;

/** What the script of a fill is told of one entry. */
interface PreparedFill {
  readonly token: string;
  readonly keepMs: string;
  readonly value: Bytes;
  /** Those that it is to check. */
  readonly tags: readonly string[];
}

interface Taken {
  readonly key: string;
  readonly token: string;
  readonly stamp: Stamp;
  readonly stopRenewing: () => void;
  readonly noteTags: () => void;
}

/** A lease that this process holds. It is renewed until it is filled or released. */
export class Lease implements HeldLease {
  readonly #options: LeasingOptions;
  readonly #taken: Taken;

  constructor(options: LeasingOptions, taken: Taken) {
    this.#options = options;
    this.#taken = taken;
  }

  get token(): string {
    return this.#taken.token;
  }

  /** Of the entry, a complete one. */
  get key(): string {
    return this.#taken.key;
  }

  /**
   * Stores what was loaded, unless somebody wrote, deleted or invalidated meanwhile. One command.
   * @returns whether nobody did, so that it may be given to those who wait
   */
  async fill(fill: Fill): Promise<boolean> {
    const { key } = this.#taken;
    const { tagsKey } = this.#options;
    const prepared = this.prepare(fill);
    if (prepared === undefined) return this.release('', 0);
    if (fill.entry.tags.length > 0 && this.#options.engine.slotOf !== undefined)
      await this.#options.outlive(fill.keepMs);
    const { token, keepMs, value, tags } = prepared;
    const args: Bytes[] = [tags.length > 0 ? randomToken() : '', token, keepMs, value, `${tags.length}`, ...tags];
    const [outcome] = await this.#options.run(cacheFill, tags.length > 0 ? [tagsKey, key] : [key], args);
    return outcome === 1;
  }

  /**
   * The end of the lease's renewal, and what the script is told of the fill; `undefined` where it must not be stored: it has
   * tags, and nobody can say what they went through.
   */
  prepare({ entry, keepMs }: Fill): PreparedFill | undefined {
    const { token, stamp, stopRenewing, noteTags } = this.#taken;
    stopRenewing();
    const isTagged = entry.tags.length > 0;
    if (isTagged) noteTags();
    if (isTagged && stamp === undefined) return undefined;
    return {
      token,
      keepMs: `${keepMs ?? 0}`,
      value: encodeEntry(entry, isTagged ? (stamp ?? STAMP_OF_WRITE) : null),
      // On a cluster the tags lie in another slot: the stamp was taken before the load, which only errs to the safe side.
      tags: this.#options.engine.slotOf === undefined ? entry.tags : [],
    };
  }

  /**
   * Gives the lease back without a value. One command.
   * @param message what those who wait elsewhere are told; empty: nothing, they load themselves
   * @param stayMs how long that stays, or keeps others from loading an entry that is still there
   * @returns whether it was still there
   */
  async release(message: string, stayMs: number): Promise<boolean> {
    const { key, token, stopRenewing } = this.#taken;
    stopRenewing();
    const args = [token, message.slice(0, 500), String(stayMs), ''];
    return (await this.#options.engine.run(cacheRelease, [key], args)) === 1;
  }
}
