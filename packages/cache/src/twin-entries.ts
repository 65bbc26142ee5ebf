import { HoldfastError, type TwinStore, WrongTypeError } from '@holdfast/redis-core';

/** What the twins of the scripts share: entries and markers as bytes, cut and written as Lua does it. */

export const UNSTAMPED = '++++++++';
export const NO_LEASE = '--------000000000';
export const EMPTY = Buffer.alloc(0);

export function texts(args: readonly Buffer[]): string[] {
  return args.map(String);
}

export function cut(value: Buffer, start: number, end: number): string {
  return value.toString('latin1', start, end);
}

export function isMarker(value: Buffer): boolean {
  return ['HFL', 'HFE'].includes(cut(value, 0, 3));
}

export function base36(value: number, width: number): string {
  return value.toString(36).padStart(width, '0');
}

/** What is under the key; `foreign` where it is of another type. */
export function peek(store: TwinStore, key: string): Buffer | null | 'foreign' {
  try {
    return store.get(key);
  } catch (error) {
    if (error instanceof WrongTypeError) return 'foreign';
    throw error;
  }
}

/** Whether the lease with this token is there: under an entry's own key, or under a key of its own. */
export function holdsLease(store: TwinStore, key: string, token: string): boolean {
  const value = peek(store, key);
  return Buffer.isBuffer(value) && cut(value, 0, 11) === `HFL${token}`;
}

/** Replies the text of the error, if it could not be written. */
export function put(store: TwinStore, key: string, value: Buffer, ttl: number): Buffer | undefined {
  try {
    store.set(key, value, ttl === 0 ? undefined : ttl);
    return undefined;
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    return Buffer.from(error.message);
  }
}

export function splice(value: Buffer, offset: number, text: string): Buffer {
  const copy = Buffer.from(value);
  copy.write(text, offset, 'latin1');
  return copy;
}

/** SETRANGE: the time to live stays. */
export function overwrite(store: TwinStore, key: string, value: Buffer, offset: number, text: string): void {
  const left = store.pttl(key);
  store.set(key, splice(value, offset, text), left ?? undefined);
}

export function keepFor(store: TwinStore, key: string, ms: number): void {
  const left = store.pttl(key);
  if (left !== null && left !== undefined && left < ms) store.pexpire(key, ms);
}
