import { HoldfastError, type ScriptTwin, type TwinStore, WrongTypeError } from '@holdfast/redis-core';
import type { EvictReply, ExpireReply, FillReply, LeaseReply, StampReply, WriteReply } from './scripts.ts';

/** What the scripts in `lua/` do, for an engine that has no Lua: see there for KEYS, ARGV and replies. */

const UNSTAMPED = '++++++++';
const NO_LEASE = '--------000000000';
const EMPTY = Buffer.alloc(0);

export const writeTwin: ScriptTwin<WriteReply> = (store, keys, args) => {
  const [newEpoch = ''] = texts(args);
  const stamp = newEpoch === '' ? undefined : currentStamp(store, keys[0] ?? '', newEpoch);
  return keys.slice(stamp === undefined ? 0 : 1).map((key, index) => {
    const ttl = Number(args[1 + index * 2]?.toString());
    let value = args[2 + index * 2] ?? EMPTY;
    if (stamp !== undefined && cut(value, 71, 79) === UNSTAMPED) {
      value = splice(value, 71, stamp.epoch + base36(stamp.seq, 8));
    }
    let outcome: 0 | 1 | 2 = 1;
    const before = peek(store, key);
    if (before === 'foreign') store.del(key);
    else if (before === null || before.length === 0 || isMarker(before)) outcome = 0;
    else if (cut(before, 0, 19) === cut(value, 0, 19)) outcome = 2;
    return put(store, key, value, ttl) ?? outcome;
  });
};

export const leaseTwin: ScriptTwin<LeaseReply> = (store, keys, args) => {
  const [withTags, time = ''] = texts(args);
  const now = time === '' ? store.now() : Number(time);
  let stamp: LeaseReply[0] = null;
  if (withTags === '1') {
    const epoch = store.hget(keys[0] ?? '', 'epoch');
    if (epoch !== null) stamp = [epoch, store.hget(keys[0] ?? '', 'seq') ?? Buffer.from('0')];
  }
  const entries = keys.slice(withTags === '1' ? 1 : 0).map((key, index): LeaseReply[number] => {
    const [token = '', leaseText, rev = ''] = texts(args.slice(2 + index * 3));
    const lease = Number(leaseText);
    const value = peek(store, key);
    if (value === 'foreign') return [3];
    if (value === null || cut(value, 0, 3) === 'HFE') {
      store.set(key, `HFL${token}`, lease);
      return [1];
    }
    if (cut(value, 0, 3) === 'HFL') return [2, value.subarray(3, 11)];
    if (cut(value, 0, 3) !== 'HF1') return [3];
    if (rev === '' || cut(value, 19, 27) !== rev) return [0, value];
    if (Number.parseInt(cut(value, 35, 44), 36) > now) return [2, value.subarray(27, 35)];
    overwrite(store, key, value, 27, token + base36(now + lease, 9));
    keepFor(store, key, lease);
    return [4];
  });
  return [stamp, ...entries] as LeaseReply;
};

export const fillTwin: ScriptTwin<FillReply> = (store, keys, args) => {
  const [newEpoch = ''] = texts(args);
  const state = newEpoch === '' ? undefined : currentStamp(store, keys[0] ?? '', newEpoch);
  let at = 1;
  return keys.slice(state === undefined ? 0 : 1).map((key) => {
    const [token = '', ttl] = texts(args.slice(at));
    let value = args[at + 2] ?? EMPTY;
    const tagCount = Number(args[at + 3]?.toString());
    const tags = texts(args.slice(at + 4, at + 4 + tagCount));
    at += 4 + tagCount;
    const held = heldBy(store, key, token);
    if (held === undefined) return 0;
    let isDead = false;
    if (tags.length > 0 && state !== undefined) {
      let seen = 0;
      if (cut(value, 71, 79) === UNSTAMPED) {
        isDead = state.seq > 0;
        value = splice(value, 71, `${state.epoch}00000000`);
      } else {
        seen = Number.parseInt(cut(value, 79, 87), 36);
        isDead = cut(value, 71, 79) !== state.epoch;
      }
      const notedAt = (field: string): number => Number(store.hget(keys[0] ?? '', field)?.toString() ?? '0');
      isDead ||= tags.some((tag) => notedAt(`d:${tag}`) > seen || notedAt(`e:${tag}`) > seen);
    }
    if (!isDead) return put(store, key, value, Number(ttl)) ?? 1;
    if (held.kind === 'marker') store.del(key);
    else overwrite(store, key, held.value, 27, NO_LEASE);
    return 2;
  });
};

export const releaseTwin: ScriptTwin<number> = (store, [key = ''], args) => {
  const [token = '', message = '', stayText, time = ''] = texts(args);
  const now = time === '' ? store.now() : Number(time);
  const stay = Number(stayText);
  const held = heldBy(store, key, token);
  if (held === undefined) return 0;
  if (held.kind === 'entry') overwrite(store, key, held.value, 27, `--------${base36(now + stay, 9)}`);
  else if (message !== '' && stay > 0) store.set(key, `HFE${token}${message}`, stay);
  else store.del(key);
  return 1;
};

export const renewTwin: ScriptTwin<number> = (store, [key = ''], args) => {
  const [token = '', leaseText, time = ''] = texts(args);
  const now = time === '' ? store.now() : Number(time);
  const lease = Number(leaseText);
  const held = heldBy(store, key, token);
  if (held === undefined) return 0;
  if (held.kind === 'marker') {
    store.pexpire(key, lease);
  } else {
    overwrite(store, key, held.value, 35, base36(now + lease, 9));
    keepFor(store, key, lease);
  }
  return 1;
};

export const tagsInvalidateTwin: ScriptTwin<StampReply> = (store, [key = ''], args) => {
  const [newEpoch = '', maxFields, prefix = '', ...tags] = texts(args);
  let { epoch } = currentStamp(store, key, newEpoch);
  const seq = store.hincrby(key, 'seq', 1);
  for (const tag of tags) store.hset(key, prefix + tag, String(seq));
  if (store.hlen(key) > Number(maxFields)) {
    epoch = newEpoch;
    store.del(key);
    store.hset(key, 'epoch', epoch);
    store.hset(key, 'seq', String(seq));
  }
  return [Buffer.from(epoch), seq];
};

export const expireTwin: ScriptTwin<ExpireReply> = (store, keys) => {
  const longAgo = base36(1, 9);
  let expired = 0;
  for (const key of keys) {
    const value = peek(store, key);
    if (value === null || value === 'foreign') continue;
    if (cut(value, 0, 3) === 'HFL') store.del(key);
    if (cut(value, 0, 3) !== 'HF1') continue;
    overwrite(store, key, splice(value, 27, NO_LEASE), 53, longAgo + longAgo);
    expired += 1;
  }
  return expired;
};

export const evictTwin: ScriptTwin<EvictReply> = (store, keys, args) =>
  keys.map((key, index) => {
    const value = peek(store, key);
    if (value === null || value === 'foreign' || cut(value, 0, 3) !== 'HF1') return 0;
    const created = Number.parseInt(cut(value, 44, 53), 36) || 0;
    if (created > Number(args[index]?.toString())) return [created, store.pttl(key) ?? -1];
    store.del(key);
    return 1;
  });

function texts(args: readonly Buffer[]): string[] {
  return args.map(String);
}

function cut(value: Buffer, start: number, end: number): string {
  return value.toString('latin1', start, end);
}

function isMarker(value: Buffer): boolean {
  return ['HFL', 'HFE'].includes(cut(value, 0, 3));
}

function base36(value: number, width: number): string {
  return value.toString(36).padStart(width, '0');
}

/** What is under the key; `foreign` where it is of another type. */
function peek(store: TwinStore, key: string): Buffer | null | 'foreign' {
  try {
    return store.get(key);
  } catch (error) {
    if (error instanceof WrongTypeError) return 'foreign';
    throw error;
  }
}

function heldBy(
  store: TwinStore,
  key: string,
  token: string,
): { readonly kind: 'marker' | 'entry'; readonly value: Buffer } | undefined {
  const value = peek(store, key);
  if (value === null || value === 'foreign') return undefined;
  if (cut(value, 0, 35) === `HFL${token}`) return { kind: 'marker', value };
  return cut(value, 0, 3) === 'HF1' && cut(value, 27, 35) === token ? { kind: 'entry', value } : undefined;
}

function currentStamp(store: TwinStore, key: string, newEpoch: string): { epoch: string; seq: number } {
  const epoch = store.hget(key, 'epoch');
  if (epoch === null) {
    store.hset(key, 'epoch', newEpoch);
    store.hset(key, 'seq', '0');
    return { epoch: newEpoch, seq: 0 };
  }
  return { epoch: epoch.toString(), seq: Number(store.hget(key, 'seq')?.toString() ?? '0') };
}

/** Replies the text of the error, if it could not be written. */
function put(store: TwinStore, key: string, value: Buffer, ttl: number): Buffer | undefined {
  try {
    store.set(key, value, ttl === 0 ? undefined : ttl);
    return undefined;
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    return Buffer.from(error.message);
  }
}

function splice(value: Buffer, offset: number, text: string): Buffer {
  const copy = Buffer.from(value);
  copy.write(text, offset, 'latin1');
  return copy;
}

/** SETRANGE: the time to live stays. */
function overwrite(store: TwinStore, key: string, value: Buffer, offset: number, text: string): void {
  const left = store.pttl(key);
  store.set(key, splice(value, offset, text), left ?? undefined);
}

function keepFor(store: TwinStore, key: string, ms: number): void {
  const left = store.pttl(key);
  if (left !== null && left !== undefined && left < ms) store.pexpire(key, ms);
}
