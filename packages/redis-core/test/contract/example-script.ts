import { defineScript, type Script } from '../../src/index.ts';

/** A script of the kind that primitives are made of: reads, decides and writes in one step. */
export const counterWithLimit: Script<number> = defineScript({
  name: 'test-counter-with-limit',
  // KEYS 1: a hash. ARGV 1: the field, 2: the limit. Reply: the new count, or -1 at the limit.
  lua: `
    local count = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0')
    if count >= tonumber(ARGV[2]) then return -1 end
    return redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
  `,
  idempotent: false,
  twin: (store, [key = ''], [field, limit]) => {
    const name = String(field);
    const count = Number(store.hget(key, name)?.toString() ?? '0');
    return count >= Number(limit?.toString()) ? -1 : store.hincrby(key, name, 1);
  },
});

/** A script whose decision depends on time: what is stored is replied until it is stale, then replaced. */
export const freshOrSwap: Script<readonly [number, Buffer, number]> = defineScript({
  name: 'test-fresh-or-swap',
  // KEYS 1: a hash {until, value}. ARGV 1: now (ms; only tests give it), 2: how long a value is fresh, 3: the new value.
  // Reply: {1 or 0: whether it was fresh, the value that is there now, its length}.
  lua: `
    local stored = redis.call('HMGET', KEYS[1], 'until', 'value')
    if stored[1] and tonumber(stored[1]) > tonumber(ARGV[1]) then return {1, stored[2], #stored[2]} end
    redis.call('HSET', KEYS[1], 'until', string.format('%d', tonumber(ARGV[1]) + tonumber(ARGV[2])), 'value', ARGV[3])
    return {0, ARGV[3], #ARGV[3]}
  `,
  idempotent: false,
  twin: (store, [key = ''], [now, ttlMs, value = Buffer.alloc(0)]) => {
    const until = store.hget(key, 'until');
    const stored = store.hget(key, 'value');
    const nowMs = Number(now?.toString());
    if (until !== null && stored !== null && Number(until.toString()) > nowMs) return [1, stored, stored.length];
    store.hset(key, 'until', String(nowMs + Number(ttlMs?.toString())));
    store.hset(key, 'value', value);
    return [0, value, value.length];
  },
});
