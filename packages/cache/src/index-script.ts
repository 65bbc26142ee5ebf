import {
  type Bytes,
  decodeKeyPart,
  defineScript,
  loadLua,
  type Script,
  type ScriptReply,
  type TwinStore,
} from '@holdfast/redis-core';
import { numberOf, textOf, zaddGreater } from './access-scripts.ts';
import { cut, peek } from './twin-entries.ts';

/** Runs a script of the cache. */
export type RunScript = <Reply extends ScriptReply>(
  script: Script<Reply>,
  keys: readonly string[],
  args: readonly Bytes[],
) => Promise<Reply>;

/** So long after its time a name is forgotten with the next write, whatever this process takes for the server's clock. */
const OVER_MS = 60_000;

const made = new WeakMap<object, Script>();

/**
 * `script`, and behind it `lua/index-keep.lua`: the names of its keys are kept in the index in the same step. Takes two keys and two
 * arguments more. Not where keys lie in several slots.
 */
export function keepingIndex<Reply extends ScriptReply>(script: Script<Reply>): Script<Reply> {
  const known = made.get(script);
  // Each script has one, of its own type of reply.
  if (known !== undefined) return known as Script<Reply>;
  const keeping = defineScript<Reply>({
    name: `${script.name}-indexed`,
    lua: `local function change()\n${script.lua}\nend\n${loadLua('index-keep', import.meta.url)}`,
    idempotent: script.idempotent,
    twin: (store, keys, args) => {
      const [recency = '', expiry = ''] = keys.slice(-2);
      const [prefix, now] = args.slice(-2);
      const own = keys.slice(0, -2);
      const reply = script.twin(store, own, args.slice(0, -2));
      const touched = own.filter((key) => key.startsWith(textOf(prefix)));
      for (const key of touched) {
        keep(store, {
          recency,
          expiry,
          key,
          name: decodeKeyPart(key.slice(textOf(prefix).length)),
          now: numberOf(now),
        });
      }
      const over = { by: 'score', min: -Infinity, max: numberOf(now) - OVER_MS, limit: touched.length + 1 } as const;
      for (const { member } of store.zrange(expiry, over)) forget(store, recency, expiry, member);
      return reply;
    },
  });
  made.set(script, keeping);
  return keeping;
}

interface Kept {
  readonly recency: string;
  readonly expiry: string;
  readonly key: string;
  readonly name: string;
  readonly now: number;
}

function keep(store: TwinStore, { recency, expiry, key, name, now }: Kept): void {
  const value = peek(store, key);
  if (value === null || value === 'foreign' || !['HF1', 'HFL'].includes(cut(value, 0, 3))) {
    forget(store, recency, expiry, name);
    return;
  }
  zaddGreater(store, recency, name, now);
  const left = store.pttl(key) ?? null;
  if (left === null) store.zrem(expiry, name);
  else store.zadd(expiry, name, now + left);
}

function forget(store: TwinStore, recency: string, expiry: string, name: string): void {
  store.zrem(recency, name);
  store.zrem(expiry, name);
}
