import type { Bytes, RedisEngine } from '@holdfast/redis-core';
import { decodeEntry, encodeEntry, type Entry, type NewEntry, randomToken, type TagStamp } from './entry.ts';
import { cacheFill, cacheLease, cacheRelease, cacheRenew, type LeaseResult } from './scripts.ts';

/** What a loader's result becomes, but for its stamp. */
export interface Fill {
  readonly entry: Omit<NewEntry, 'stamp'>;
  /** Until Redis removes it: its time to live and its grace; `null`: never. */
  readonly keepMs: number | null;
}

export type LeaseOutcome =
  /** It is this caller's turn to load. */
  | {
      readonly kind: 'ours';
      readonly lease: Lease;
      /** The entry of that `rev` is still there: nobody took it away while the lease was asked for. */
      readonly refreshes: boolean;
    }
  | { readonly kind: 'theirs'; readonly token: string }
  | { readonly kind: 'entry'; readonly entry: Entry }
  /** The key holds something that only an explicit write may replace: load, and store nothing. */
  | { readonly kind: 'foreign' };

export interface LeasingOptions {
  readonly engine: RedisEngine;
  /** What the namespace's tags went through until now; asked for where a script cannot read them along. */
  readonly stampNow: () => Promise<TagStamp>;
  /** Of the namespace's tags. */
  readonly tagsKey: string;
  readonly leaseMs: number;
}

/**
 * Takes leases to load entries. The lease lives under the entry's own key (a marker) or in its head (a token), so that a
 * set, a delete, an expiry or a flush during the load takes it away by itself, and the fill is then refused.
 */
export class Leasing {
  readonly #options: LeasingOptions;

  constructor(options: LeasingOptions) {
    this.#options = options;
  }

  /** One command. `rev`: of the entry that needs to be loaded again. */
  async take(key: string, rev: string | undefined): Promise<LeaseOutcome> {
    const { engine, tagsKey, leaseMs } = this.#options;
    const token = randomToken();
    const keys = engine.slotOf !== undefined ? [key] : [tagsKey, key];
    const flag = engine.slotOf !== undefined ? '0' : '1';
    // Before the lease, and so before the load: a stamp that is too old only makes an entry invalid too early.
    const before = engine.slotOf !== undefined ? await this.#options.stampNow() : null;
    const [stamp, reply] = await engine.run(cacheLease, keys, [flag, '', token, String(leaseMs), rev ?? '']);
    const taken = stamp === null ? before : { epoch: stamp[0].toString(), seq: Number(stamp[1].toString()) };
    return this.#outcome(key, token, reply, taken);
  }

  #outcome(key: string, token: string, reply: LeaseResult | undefined, stamp: TagStamp | null): LeaseOutcome {
    if (reply === undefined || reply[0] === 3) return { kind: 'foreign' };
    if (reply[0] === 1 || reply[0] === 4) {
      return { kind: 'ours', lease: new Lease(this.#options, key, token, stamp), refreshes: reply[0] === 4 };
    }
    if (reply[0] === 2) return { kind: 'theirs', token: reply[1].toString() };
    const entry = decodeEntry(reply[1]);
    return entry === null ? { kind: 'foreign' } : { kind: 'entry', entry };
  }
}

/** A lease that this process holds. It is renewed until it is filled or released. */
export class Lease {
  readonly token: string;
  readonly #options: LeasingOptions;
  readonly #key: string;
  readonly #stamp: TagStamp | null;
  readonly #timer: NodeJS.Timeout;

  constructor(options: LeasingOptions, key: string, token: string, stamp: TagStamp | null) {
    this.#options = options;
    this.#key = key;
    this.token = token;
    this.#stamp = stamp;
    const { engine, leaseMs } = options;
    this.#timer = setInterval(
      () => {
        // A renewal that fails is made up for by the next one; without any the lease ends, and somebody else loads.
        engine.run(cacheRenew, [key], [token, String(leaseMs), '']).catch(() => undefined);
      },
      Math.max(1, Math.floor(leaseMs / 3)),
    );
    this.#timer.unref();
  }

  /**
   * Stores what was loaded, unless somebody wrote, deleted or invalidated meanwhile. One command.
   * @returns whether it was stored
   */
  async fill({ entry, keepMs }: Fill): Promise<boolean> {
    clearInterval(this.#timer);
    const { engine, tagsKey } = this.#options;
    const { tags } = entry;
    const isTagged = tags.length > 0;
    const stamp = isTagged ? (this.#stamp ?? { epoch: '++++++++', seq: 0 }) : null;
    // On a cluster the tags lie in another slot: the stamp was taken before the load, which only errs to the safe side.
    const checksTags = isTagged && engine.slotOf === undefined;
    const args: Bytes[] = [
      checksTags ? randomToken() : '',
      this.token,
      String(keepMs ?? 0),
      encodeEntry({ ...entry, stamp }),
      String(checksTags ? tags.length : 0),
      ...(checksTags ? tags : []),
    ];
    const [outcome] = await engine.run(cacheFill, checksTags ? [tagsKey, this.#key] : [this.#key], args);
    return outcome === 1;
  }

  /**
   * Gives the lease back without a value. One command.
   * @param message what those who wait elsewhere are told; empty: nothing, they load themselves
   * @param stayMs how long that stays, or keeps others from loading an entry that is still there
   */
  async release(message: string, stayMs: number): Promise<void> {
    clearInterval(this.#timer);
    const args = [this.token, message.slice(0, 500), String(stayMs), ''];
    await this.#options.engine.run(cacheRelease, [this.#key], args);
  }
}
