import { type Bytes, fromReplyError, type RedisEngine } from '@holdfast/redis-core';
import { encodeEntry, STAMP_OF_WRITE, type TagStamp } from './entry.ts';
import { cacheFill } from './fill-script.ts';
import type { RunScript } from './index-script.ts';
import { failureLeft } from './marker.ts';
import { cacheRelease } from './release-script.ts';
import type { Fill } from './sealing.ts';
import { randomToken } from './token.ts';

/** What the tags went through before a load; `null`: nothing, `undefined`: nobody knows. */
export type Stamp = TagStamp | null | undefined;

/** Where a lease is: in the place of what is missing, or, for the revision of an entry that is there, under a key of its own. */
export interface LeasePlace {
  /** The entry's complete key. */
  readonly key: string;
  readonly refresh: { readonly leaseKey: string; readonly rev: string } | undefined;
}

export interface TakenLease extends LeasePlace {
  readonly token: string;
  readonly stamp: Stamp;
  /** Of the namespace's tags. */
  readonly tagsKey: string;
  readonly stopRenewing: () => void;
  /** Called before something with tags is stored. */
  readonly noteTags: () => void;
}

/** What a lease needs of those that it is one of. */
export interface LeaseOptions {
  readonly engine: RedisEngine;
  /** Runs a script that writes an entry, on the index of the namespace too. */
  readonly run: RunScript;
  /** On a cluster: an entry with tags is kept for so long (`null`: for ever), and so must be what is noted of them. */
  readonly outlive: (keepMs: number | null) => Promise<void>;
}

/** What is left of a lease whose loader failed. */
export interface LoadFailure {
  readonly message: string;
  /** `told`: those who wait are given it, and the next caller loads. `throttled`: nobody loads for a while. */
  readonly as: 'told' | 'throttled';
  /** For so long. 0: nothing is left. */
  readonly stayMs: number;
}

/** A lease that this process holds. */
export interface HeldLease {
  readonly token: string;
  /** Of the entry that is loaded anew; `undefined` where it was missing. */
  readonly rev: string | undefined;
  /** Stores what was loaded; replies whether nobody wrote, deleted or invalidated meanwhile. */
  fill(fill: Fill): Promise<boolean>;
  /** Gives it back without a value; replies whether it was still there. */
  release(failure?: LoadFailure): Promise<boolean>;
}

/** What the script of a fill is told of one entry. */
interface PreparedFill {
  readonly keys: readonly string[];
  readonly args: readonly Bytes[];
  /** Whether the script is to look at its tags. */
  readonly checksTags: boolean;
}

/** It is renewed until it is filled or released. */
export class Lease implements HeldLease {
  readonly #engine: RedisEngine;
  readonly #options: LeaseOptions;
  readonly #taken: TakenLease;

  constructor(options: LeaseOptions, taken: TakenLease) {
    this.#engine = options.engine;
    this.#options = options;
    this.#taken = taken;
  }

  get token(): string {
    return this.#taken.token;
  }

  get rev(): string | undefined {
    return this.#taken.refresh?.rev;
  }

  /**
   * Stores what was loaded, unless somebody wrote, deleted or invalidated meanwhile. One command.
   * @returns whether nobody did, so that it may be given to those who wait
   * @throws what Redis says where it could not store it
   */
  async fill(fill: Fill): Promise<boolean> {
    const prepared = this.prepare(fill);
    if (prepared === undefined) return this.release();
    const { keys, args, checksTags } = prepared;
    if (fill.entry.tags.length > 0 && !checksTags) await this.#options.outlive(fill.keepMs);
    const [outcome] = await this.#options.run(cacheFill, checksTags ? [this.#taken.tagsKey, ...keys] : keys, [
      checksTags ? randomToken() : '',
      ...args,
    ]);
    if (Buffer.isBuffer(outcome)) throw fromReplyError(outcome.toString());
    return outcome === 1;
  }

  /**
   * The end of the lease's renewal, and what the script is told of the fill; `undefined` where it must not be stored: it has
   * tags, and nobody can say what they went through.
   */
  prepare({ entry, keepMs }: Fill): PreparedFill | undefined {
    const { key, token, stamp, stopRenewing, noteTags, refresh } = this.#taken;
    stopRenewing();
    const isTagged = entry.tags.length > 0;
    if (isTagged) noteTags();
    if (isTagged && stamp === undefined) return undefined;
    // On a cluster the tags lie in another slot: the stamp was taken before the load, which only errs to the safe side.
    const tags = this.#engine.slotOf === undefined ? entry.tags : [];
    const value = encodeEntry(entry, isTagged ? (stamp ?? STAMP_OF_WRITE) : null);
    return {
      keys: refresh === undefined ? [key] : [key, refresh.leaseKey],
      args: [token, refresh?.rev ?? '', `${keepMs ?? 0}`, value, `${tags.length}`, ...tags],
      checksTags: tags.length > 0,
    };
  }

  /**
   * Gives the lease back without a value. One command.
   * @returns whether it was still there
   */
  async release(failure?: LoadFailure): Promise<boolean> {
    const { key, token, refresh, stopRenewing } = this.#taken;
    stopRenewing();
    const isLeft = failure !== undefined && failure.stayMs > 0;
    const args = [token, isLeft ? failureLeft(failure, token, refresh?.rev) : '', String(failure?.stayMs ?? 0)];
    return (await this.#options.run(cacheRelease, [refresh?.leaseKey ?? key], args)) === 1;
  }
}
