import { defineScript, loadLua, type Script } from '@holdfast/redis-core';
import { NONE } from './entry.ts';
import { entryHead } from './heads-script.ts';
import { cut } from './twin-entries.ts';

/**
 * How many are served whatever their tags went through, or are no entry; then the heads of those that are served if their tags were
 * not invalidated.
 */
export type CountReply = readonly [number, ...Buffer[]];

/** `lua/cache-count.lua`. */
export const cacheCount: Script<CountReply> = defineScript({
  name: 'cache-count',
  lua: loadLua('cache-count', import.meta.url, ['entry-head']),
  idempotent: true,
  twin: (store, keys, [time]) => {
    const now = Number(time?.toString());
    const heads: Buffer[] = [];
    let counted = 0;
    for (const key of keys) {
      const head = entryHead(store, key);
      const expiresAt = Number.parseInt(cut(head, 62, 71), 36) || 0;
      if (head.length === 1) counted += 1;
      else if (cut(head, 87, 88) !== 'e' || (expiresAt !== 0 && expiresAt <= now)) continue;
      else if (cut(head, 71, 79) === NONE) counted += 1;
      else heads.push(head);
    }
    return [counted, ...heads];
  },
});
