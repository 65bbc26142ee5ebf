import type { RedisEngine } from '@holdfast/redis-core';
import { L1Cache } from '../../src/index.ts';
import { cacheFill } from '../../src/fill-script.ts';
import { cacheWrite } from '../../src/write-script.ts';

/** Ways to break the cache on purpose: a checker that does not find them finds nothing. */
export const mutations: Readonly<Record<string, (engine: RedisEngine) => RedisEngine>> = {
  'L1 forgets nothing': (engine) => {
    L1Cache.prototype.forget = () => undefined;
    return engine;
  },
  'what is kept when tracking ends stays': (engine) =>
    changed(engine, {
      onInvalidate: (listener) =>
        engine.onInvalidate((keys) => {
          if (keys !== null) listener(keys);
        }),
    }),
  'replies are kept whether tracking is armed or not': (engine) => changed(engine, { trackingEpoch: 1 }),
  'invalidations do not reach L1': (engine) =>
    changed(engine, {
      onInvalidate: (listener) =>
        engine.onInvalidate((keys) => {
          if (keys === null) listener(keys);
        }),
    }),
  'a fill does not look at its lease': (engine) =>
    rewriting(engine, cacheFill.name, 'local isHeld = is_held(key, leaseKey, token, rev)', ['local isHeld = true']),
  'a load is stamped when it ends': (engine) =>
    rewriting(engine, cacheFill.name, 'for tag = 1, tags do', [
      "value = string.sub(value, 1, 71) .. epoch .. string.format('%08d', seq) .. string.sub(value, 88) for tag = 1, 0 do",
    ]),
  'a write is stamped with no invalidation seen': (engine) =>
    rewriting(
      engine,
      cacheWrite.name,
      "stamp = epoch .. base36(tonumber(redis.call('HGET', KEYS[1], 'seq') or '0'), 8)",
      ['stamp = epoch .. base36(0, 8)'],
    ),
};

/** Those that only show where Redis is full. */
export const mutationsOfFull: typeof mutations = {
  'what Redis forgets inside a command of this process is not reported': (engine) => {
    // The connection that reads are tracked for: with NOLOOP it hears of no change that its own commands make, be it an eviction.
    const { client } = engine as unknown as { readonly client: { client: (...args: unknown[]) => Promise<unknown> } };
    const send = client.client.bind(client);
    client.client = (...args) => send(...args, ...(args[0] === 'TRACKING' ? ['NOLOOP'] : []));
    return engine;
  },
};

/** The same engine with other properties. Its own keep their `this`. */
function changed(engine: RedisEngine, changes: Partial<RedisEngine>): RedisEngine {
  return new Proxy(engine, {
    get(target, name) {
      if (Object.hasOwn(changes, name)) return changes[name as keyof RedisEngine];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

function rewriting(engine: RedisEngine, name: string, from: string, [to]: readonly [string]): RedisEngine {
  const rewritten = new Map<object, Parameters<RedisEngine['run']>[0]>();
  return changed(engine, {
    run: (script, keys, args, options) => {
      if (script.name !== name) return engine.run(script, keys, args, options);
      if (!script.lua.includes(from)) throw new Error(`${name}.lua does not say "${from}" any more.`);
      const other = rewritten.get(script) ?? { ...script, lua: script.lua.replace(from, to) };
      rewritten.set(script, other);
      return engine.run(other as typeof script, keys, args, options);
    },
  });
}
