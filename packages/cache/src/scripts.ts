import { defineScript, loadLua, type Script } from '@holdfast/redis-core';
import {
  evictTwin,
  expireTwin,
  fillTwin,
  leaseTwin,
  releaseTwin,
  renewTwin,
  tagsInvalidateTwin,
  writeTwin,
} from './twins.ts';

/** Per entry: 0 created, 1 replaced, 2 rewritten with an equal body, or the text of an error. */
export type WriteReply = readonly (0 | 1 | 2 | Buffer)[];
/** The tags' epoch and seq. */
export type StampReply = readonly [Buffer, number | Buffer];
/** Per entry: `[1]` yours, `[4]` yours over the entry that is still there, `[2, token]` somebody's, `[0, value]` there is an entry now, `[3]` foreign. */
export type LeaseResult = readonly [1] | readonly [4] | readonly [2, Buffer] | readonly [0, Buffer] | readonly [3];
export type LeaseReply = readonly [StampReply | null, ...LeaseResult[]];
/** Per entry: 1 stored, 0 the lease is gone, 2 a tag was invalidated meanwhile, or the text of an error. */
export type FillReply = readonly (0 | 1 | 2 | Buffer)[];
export type ExpireReply = number;
/** Per entry: 1 removed, 0 there is none, or when it was written and for how many milliseconds it stays (-1: for ever). */
export type EvictReply = readonly (0 | 1 | readonly [number, number])[];

/** Retried when its reply was lost: then "created" may read "rewritten", and no more. */
export const cacheWrite: Script<WriteReply> = defineScript({
  name: 'cache-write',
  lua: loadLua('cache-write', import.meta.url, ['base36']),
  idempotent: true,
  twin: writeTwin,
});

/** Not retried: a second try would meet its own lease and take it for somebody else's. */
export const cacheLease: Script<LeaseReply> = defineScript({
  name: 'cache-lease',
  lua: loadLua('cache-lease', import.meta.url, ['base36', 'time-of']),
  idempotent: false,
  twin: leaseTwin,
});

/** Not retried: a second try would find its lease gone and report the value as refused. */
export const cacheFill: Script<FillReply> = defineScript({
  name: 'cache-fill',
  lua: loadLua('cache-fill', import.meta.url),
  idempotent: false,
  twin: fillTwin,
});

export const cacheRelease: Script<number> = defineScript({
  name: 'cache-release',
  lua: loadLua('cache-release', import.meta.url, ['base36', 'time-of']),
  idempotent: true,
  twin: releaseTwin,
});

export const cacheRenew: Script<number> = defineScript({
  name: 'cache-renew',
  lua: loadLua('cache-renew', import.meta.url, ['base36', 'time-of']),
  idempotent: true,
  twin: renewTwin,
});

export const cacheTagsInvalidate: Script<StampReply> = defineScript({
  name: 'cache-tags-invalidate',
  lua: loadLua('cache-tags-invalidate', import.meta.url),
  idempotent: true,
  twin: tagsInvalidateTwin,
});

export const cacheExpire: Script<ExpireReply> = defineScript({
  name: 'cache-expire',
  lua: loadLua('cache-expire', import.meta.url),
  idempotent: true,
  twin: expireTwin,
});

/** Retried when its reply was lost: then "removed" may read "there is none", and no more. */
export const cacheEvict: Script<EvictReply> = defineScript({
  name: 'cache-evict',
  lua: loadLua('cache-evict', import.meta.url),
  idempotent: true,
  twin: evictTwin,
});
