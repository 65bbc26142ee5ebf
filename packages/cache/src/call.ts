import type { Looked } from './cache-core.ts';
import type { Entry } from './entry.ts';
import type { LeaseSource } from './leasing.ts';
import type { Loader, LoadOptions } from './loader.ts';

/** One call of `getOrSet`. */
export interface Call {
  readonly key: string;
  /** The same as Redis knows it. */
  readonly complete: string;
  readonly loader: Loader<unknown, unknown>;
  readonly options: LoadOptions;
  /** Where it is one of many keys that are asked for together. */
  readonly joint: Joint | undefined;
}

/** What a call for many keys knows of one of them, and does for all of them together. */
export interface Joint {
  /** What was found under the key a moment ago, in the place of the first look. */
  readonly looked: Looked;
  readonly leases: LeaseSource;
  /** Called when the key does not ask the loader, or not yet: somebody else loads it. */
  readonly leave: () => void;
}

/** What a load is to replace. */
export interface Replaced {
  /** `undefined`: there is nothing. */
  readonly entry: Entry | undefined;
  /** The same entry, where it may be served if the loader fails. */
  readonly grace: Entry | undefined;
  /** Where that came from. */
  readonly layer: 'l1' | 'l2' | 'fallback';
  /** Its callers are served what is there, and nobody waits. */
  readonly isBehind: boolean;
}

/** Redis could not be asked for what a call needs; `cause` says why. */
export class L2Failure extends Error {
  override readonly cause: Error;
  /** What was to be replaced, where that was known by then. */
  readonly replaced: Replaced | undefined;

  constructor(cause: unknown, replaced: Replaced | undefined) {
    super('Redis could not be asked.');
    this.cause = cause instanceof Error ? cause : new Error(String(cause));
    this.replaced = replaced;
  }
}

/** For what a promise rejects with that asks Redis. */
export function failL2(replaced?: Replaced): (error: unknown) => never {
  return (error) => {
    throw new L2Failure(error, replaced);
  };
}
