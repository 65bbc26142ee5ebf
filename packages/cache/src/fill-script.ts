import { defineScript, loadLua, type Script, type TwinStore } from '@holdfast/redis-core';
import { FROM, TwinTags } from './tags-state.ts';
import { cut, EMPTY, peek, put, splice, texts, UNSTAMPED } from './twin-entries.ts';

/** Per entry: 1 stored, 0 the lease is gone, 2 a tag was invalidated meanwhile, or the text of an error. */
export type FillReply = readonly (0 | 1 | 2 | Buffer)[];

/** `lua/cache-fill.lua`. Not retried: a second try would find its lease gone and report the value as refused. */
export const cacheFill: Script<FillReply> = defineScript({
  name: 'cache-fill',
  lua: loadLua('cache-fill', import.meta.url, ['tags-state']),
  idempotent: false,
  twin: (store, keys, args) => {
    const [newEpoch = ''] = texts(args);
    const noted = new TwinTags(store, keys[0] ?? '');
    const state = newEpoch === '' ? undefined : noted.begun(newEpoch);
    const outcomes: (0 | 1 | 2 | Buffer)[] = [];
    let index = state === undefined ? 0 : 1;
    let at = 1;
    while (index < keys.length) {
      const key = keys[index] ?? '';
      const [token = '', rev = '', ttl] = texts(args.slice(at, at + 3));
      const leaseKey = rev === '' ? undefined : (keys[index + 1] ?? '');
      let value = args[at + 3] ?? EMPTY;
      const tagCount = Number(args[at + 4]?.toString());
      const tags = texts(args.slice(at + 5, at + 5 + tagCount));
      at += 5 + tagCount;
      index += leaseKey === undefined ? 1 : 2;
      let outcome: FillReply[number] = 0;
      if (isHeld(store, key, leaseKey, token, rev)) {
        let isDead = false;
        if (tags.length > 0 && state !== undefined) {
          let seen = 0;
          if (cut(value, 71, 79) === UNSTAMPED) {
            isDead = state.seq > 0;
            value = splice(value, 71, `${state.epoch}00000000`);
          } else {
            seen = Number.parseInt(cut(value, 79, 87), 36);
            isDead = cut(value, 71, 79) !== state.epoch || seen < noted.score(FROM);
          }
          isDead ||= tags.some((tag) => noted.score(`d:${tag}`) > seen || noted.score(`e:${tag}`) > seen);
          noted.outlive(Number(ttl));
        }
        outcome = isDead ? 2 : (put(store, key, value, Number(ttl)) ?? 1);
        if (rev === '' && outcome !== 1) store.del(key);
      }
      if (leaseKey !== undefined && isLease(peek(store, leaseKey), token, rev)) store.del(leaseKey);
      outcomes.push(outcome);
    }
    return outcomes;
  },
});

function isHeld(store: TwinStore, key: string, leaseKey: string | undefined, token: string, rev: string): boolean {
  const value = peek(store, key);
  if (leaseKey === undefined) return isLease(value, token, '');
  const isSame = Buffer.isBuffer(value) && cut(value, 0, 3) === 'HF1' && cut(value, 19, 27) === rev;
  return isSame && isLease(peek(store, leaseKey), token, rev);
}

function isLease(value: Buffer | null | 'foreign', token: string, rev: string): boolean {
  return Buffer.isBuffer(value) && value.toString('latin1') === `HFL${token}${rev}`;
}
