import { type Bytes, CommandError, fromReplyError, type RedisEngine, WrongTypeError } from '@holdfast/redis-core';
import { asError } from './as-error.ts';
import type { TagStamp } from './entry.ts';
import { decodeFound, foreign, type Found } from './found.ts';
import type { RunScript } from './index-script.ts';
import type { L1Cache } from './l1-cache.ts';
import { type HeldLease, Lease, type LeasePlace, type Stamp } from './lease.ts';
import { cacheLease, type LeaseResult } from './lease-script.ts';
import { cacheFill } from './fill-script.ts';
import { loadingMarker } from './marker.ts';
import { cacheRefresh } from './refresh-script.ts';
import { Renewals } from './renewals.ts';
import type { Fill } from './sealing.ts';
import type { StampReply } from './tags-stamp-script.ts';
import type { Tags } from './tags.ts';
import { randomToken } from './token.ts';

export type LeaseOutcome<Held extends HeldLease = HeldLease> =
  /** It is this caller's turn to load. */
  | { readonly kind: 'ours'; readonly lease: Held }
  /** Somebody loads; a refresh says for how many milliseconds its lease holds. */
  | { readonly kind: 'theirs'; readonly token: string; readonly leftMs?: number }
  /** A loader failed over an entry that is still there, and is left alone for so many milliseconds. */
  | { readonly kind: 'throttled'; readonly leftMs: number }
  /** It was written or removed in this moment: look again. */
  | { readonly kind: 'changed' }
  /** The key holds something that only an explicit write may replace: load, and store nothing. */
  | { readonly kind: 'foreign' };

/** Where leases come from: one by one, or gathered for many keys. */
export interface LeaseSource {
  /** To load what is missing. */
  take(key: string): Promise<LeaseOutcome>;
  /** To load an entry anew, which is there, in that revision; `heedsThrottle`: unless a loader failed a moment ago. */
  takeRefresh(key: string, rev: string, heedsThrottle: boolean): Promise<LeaseOutcome>;
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
  /** Whether the names of leases go into an index, so that an invalidation finds what is being loaded. */
  readonly keepsIndex: () => boolean;
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
  /** Of the lease to load an entry anew. */
  readonly leaseKeyOf: (key: string) => string;
  readonly leaseMs: number;
}

/**
 * Takes leases to load entries. That of a miss lives under the entry's own key (a marker), so that a set, a delete, an
 * expiry or a flush during the load takes it away by itself. That of a refresh has a key of its own beside the entry, which
 * stays what it is, and holds for one revision of it: whatever changes the entry ends it. The fill is refused then.
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
    this.#renewals = new Renewals(options.run, options.leaseMs, options.engine.slotOf === undefined);
  }

  /**
   * The lease to load what is missing. One command; once in a process and namespace two. The first lease is taken by the
   * script, which asks for the state of the tags as well; where there is none, the next one reads it in a way that Redis
   * reports its change, and from then on it is known.
   */
  async take(key: string): Promise<LeaseOutcome<Lease>> {
    // A lease whose name is to be in the index takes the script, too.
    const isPlain = this.#setsAndGets && !this.#options.keepsIndex();
    const stamp = isPlain ? this.#stampForPlain() : undefined;
    const taken = stamp === undefined ? undefined : await this.#takePlain(key, stamp);
    if (taken !== undefined) return taken;
    const [outcome = unanswered] = await this.takeMany([key]);
    if (outcome instanceof Error) throw outcome;
    return outcome;
  }

  /** The leases to load several: one command for all of them, on a cluster one each. In the order of the keys. */
  async takeMany(keys: readonly string[]): Promise<readonly (LeaseOutcome<Lease> | Error)[]> {
    const { engine, tagsKey, leaseMs } = this.#options;
    const taken = keys.map((key) => ({ key, token: randomToken() }));
    if (engine.slotOf !== undefined) {
      // Before the lease, and so before the load: a stamp that is too old only makes an entry invalid too early.
      const before = await this.#options.stampNow();
      return Promise.all(
        taken.map(async ({ key, token }) => {
          try {
            const [, reply] = await engine.run(cacheLease, [key], ['0', token, `${leaseMs}`]);
            return this.#outcome(key, token, reply, before);
          } catch (error) {
            return asError(error);
          }
        }),
      );
    }
    const args = taken.flatMap(({ token }) => [token, `${leaseMs}`]);
    const [stamp, ...replies] = await this.#options.run(cacheLease, [tagsKey, ...keys], [this.#askedOfTags, ...args]);
    this.#noteStamp(stamp);
    this.#mayRead = stamp === null;
    const seen = decodeStamp(stamp);
    return taken.map(({ key, token }, index) => this.#outcome(key, token, replies[index], seen));
  }

  /**
   * Stores what was loaded under several leases, as `Lease.fill` does it for one: one command, on a cluster one each.
   * Replies in their order whether nobody wrote, deleted or invalidated meanwhile, or why it could not be done.
   */
  async fillMany(fills: readonly LeasedFill[]): Promise<readonly (boolean | Error)[]> {
    const { engine, tagsKey, run } = this.#options;
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
      checksTags ||= prepared.checksTags;
      keys.push(...prepared.keys);
      args.push(...prepared.args);
    }
    args.unshift(checksTags ? randomToken() : '');
    const replies = await run(cacheFill, checksTags ? [tagsKey, ...keys] : keys, args);
    return replies.map((reply) => (typeof reply === 'number' ? reply === 1 : fromReplyError(String(reply))));
  }

  /**
   * The lease to load an entry anew, which is there, in that revision. One command.
   * @param heedsThrottle whether a loader that failed a moment ago is left alone
   */
  async takeRefresh(key: string, rev: string, heedsThrottle: boolean): Promise<LeaseOutcome<Lease>> {
    const { engine, tagsKey, leaseMs, run } = this.#options;
    const token = randomToken();
    const leaseKey = this.leaseKeyOf(key);
    const isApart = engine.slotOf !== undefined;
    // Before the lease, and so before the load: a stamp that is too old only makes an entry invalid too early.
    const before = isApart ? await this.#options.stampNow() : null;
    const keys = isApart ? [leaseKey, key] : [tagsKey, leaseKey, key];
    const args = [isApart ? '0' : this.#askedOfTags, token, `${leaseMs}`, rev, heedsThrottle ? '1' : '0'];
    // On the index too: the lease keeps the entry beyond its time, and an invalidation has to find it as long as it is there.
    const [stamp, reply] = await run(cacheRefresh, keys, args);
    this.#noteStamp(stamp);
    if (reply[0] === 1) return this.#ours({ key, refresh: { leaseKey, rev } }, token, decodeStamp(stamp) ?? before);
    if (reply[0] === 2) return { kind: 'theirs', token: reply[1].toString(), leftMs: reply[2] };
    return reply[0] === 4 ? { kind: 'throttled', leftMs: reply[1] } : { kind: 'changed' };
  }

  /** Where the lease to load an entry anew is. */
  leaseKeyOf(key: string): string {
    return this.#options.leaseKeyOf(key);
  }

  /** This process is about to write an entry with tags, or to invalidate some. */
  noteTags(): void {
    this.#hasTags = true;
  }

  /**
   * What a lease asks of the state of the tags. Where they are used it begins one that is missing: Redis may have evicted it,
   * and evict the next one, too. A load that has seen none could not tell that an invalidation was forgotten with one.
   */
  get #askedOfTags(): string {
    return this.#hasTags ? randomToken() : '1';
  }

  /**
   * What the tags went through before the load, for a lease that does not ask for it; `undefined` where only the script can
   * say. One that is kept may be a moment old, which errs to the safe side.
   */
  #stampForPlain(): TagStamp | null | Promise<TagStamp | null> | undefined {
    const { l1, tags } = this.#options;
    if (!l1.keepsTracked) return undefined;
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
    if (there.kind === 'nothing') return this.#ours({ key, refresh: undefined }, token, stamp);
    if (there.kind === 'entry') return { kind: 'changed' };
    if (there.kind === 'foreign') return there;
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

  #outcome(key: string, token: string, reply: LeaseResult | undefined, stamp: Stamp): LeaseOutcome<Lease> {
    if (reply === undefined || reply[0] === 3) return { kind: 'foreign' };
    if (reply[0] === 1) return this.#ours({ key, refresh: undefined }, token, stamp);
    return reply[0] === 2 ? { kind: 'theirs', token: reply[1].toString() } : { kind: 'changed' };
  }

  #noteStamp(stamp: StampReply | null): void {
    if (stamp !== null) this.#hasTags = true;
  }

  #ours(place: LeasePlace, token: string, stamp: Stamp): LeaseOutcome<Lease> {
    const { tagsKey } = this.#options;
    const stopRenewing = this.#renewals.keep(place, token);
    const noteTags = (): void => this.noteTags();
    return {
      kind: 'ours',
      lease: new Lease(this.#options, { ...place, token, stamp, tagsKey, stopRenewing, noteTags }),
    };
  }
}

/** A script that replied for fewer keys than it was given. */
const unanswered = new Error('Redis has not said what became of the lease.');

function decodeStamp(stamp: StampReply | null): TagStamp | null {
  return stamp === null ? null : { epoch: stamp[0].toString(), seq: Number(stamp[1].toString()) };
}
