import type { TwinStore } from '@holdfast/redis-core';

/**
 * What the tags of a namespace went through: one sorted set, whose members are
 *
 * | member | score |
 * |---|---|
 * | `~<epoch>` | the newest `seq`: it grows with each invalidation, and is the time of that in milliseconds where that is larger |
 * | `d:<tag>`, `e:<tag>` | the `seq` at which the tag was last invalidated, with mode `delete` or `expire`: a *note* |
 * | `=from` | the `seq` from which on all notes are in the set |
 * | `=life` | minus the milliseconds for which the longest-lived entry with tags is kept |
 * | `=floor` | minus the `seq` from which on anything is known: what was noted up to it was forgotten |
 * | `=bucket:<n>` | minus the newest `seq` that was moved into that bucket (see `tags-buckets.ts`) |
 *
 * An entry remembers the epoch and the `seq` that it was written at, and is valid while no tag of its own has been noted
 * later: one command invalidates whatever the number of entries, and what was noted since some `seq` is one range. A set that
 * is missing or has another epoch makes every tagged entry invalid. Notes that are older than the longest-lived entry are
 * forgotten; those that are too many are moved into buckets.
 */
export const EPOCH = '~';
export const FROM = '=from';
const FLOOR = '=floor';
const LIFE = '=life';
/** In the place of a time to live, for what does not expire. */
const FOR_EVER_MS = 1e15;
/** By so much the clocks of processes may differ. */
const MARGIN_MS = 60_000;

/** `lua/tags-state.lua`, for an engine that has no Lua. */
export class TwinTags {
  readonly store: TwinStore;
  readonly key: string;

  constructor(store: TwinStore, key: string) {
    this.store = store;
    this.key = key;
  }

  /** Its epoch and the newest seq; `undefined` where there is none. */
  state(): { readonly epoch: string; readonly seq: number } | undefined {
    const [last] = this.store.zrange(this.key, { by: 'index', start: -1, stop: -1 });
    return last?.member.startsWith(EPOCH) === true
      ? { epoch: last.member.slice(EPOCH.length), seq: last.score }
      : undefined;
  }

  begun(newEpoch: string): { readonly epoch: string; readonly seq: number } {
    const state = this.state();
    if (state !== undefined) return state;
    this.add(EPOCH + newEpoch, 0);
    return { epoch: newEpoch, seq: 0 };
  }

  add(member: string, score: number): void {
    this.store.zadd(this.key, member, score);
  }

  remove(member: string): void {
    this.store.zrem(this.key, member);
  }

  score(member: string): number {
    return this.store.zscore(this.key, member) ?? 0;
  }

  outlive(ttlMs: number): void {
    const life = ttlMs === 0 ? FOR_EVER_MS : ttlMs;
    if (life > -this.score(LIFE)) this.add(LIFE, -life);
  }

  horizon(now: number): number {
    return now + this.score(LIFE) - MARGIN_MS;
  }

  oldest(seq: number, limit: number): { readonly member: string; readonly score: number }[] {
    return this.store
      .zrange(this.key, { by: 'score', min: 1, max: seq, limit: limit + 1 })
      .filter(({ member }) => !member.startsWith('=') && !member.startsWith(EPOCH));
  }

  get floor(): number {
    return -this.score(FLOOR);
  }

  forget(seq: number): void {
    if (seq > this.floor) this.add(FLOOR, -seq);
  }

  trim(now: number, limit: number): void {
    const notes = this.oldest(this.horizon(now), limit);
    const newest = notes.at(-1)?.score;
    for (const { member } of notes) this.remove(member);
    if (newest === undefined) return;
    this.add(FROM, newest);
    this.forget(newest);
  }
}
