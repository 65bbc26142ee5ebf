import { defineScript, loadLua, type Script, type TwinStore } from '@holdfast/redis-core';
import { TwinTags } from './tags-state.ts';
import { texts } from './twin-entries.ts';

/** The tags' epoch and seq. */
export type StampReply = readonly [Buffer, number];

/** `lua/cache-tags-stamp.lua`. */
export const cacheTagsStamp: Script<StampReply> = defineScript({
  name: 'cache-tags-stamp',
  lua: loadLua('cache-tags-stamp', import.meta.url, ['tags-state']),
  idempotent: true,
  twin: (store, [key = ''], args) => {
    const [newEpoch = '', keepMs] = texts(args);
    const tags = new TwinTags(store, key);
    const { epoch, seq } = tags.begun(newEpoch);
    tags.outlive(Number(keepMs));
    return [Buffer.from(epoch), seq];
  },
});

/** What a lease asks for, for the twins of its scripts: `'1'` the stamp, `null` where there is none; or an epoch to begin with there. */
export function stampOf(store: TwinStore, key: string, asked: string): StampReply | null {
  const tags = new TwinTags(store, key);
  const state = asked === '1' ? tags.state() : tags.begun(asked);
  return state === undefined ? null : [Buffer.from(state.epoch), state.seq];
}
