import type { RedisEngine } from '@holdfast/redis-core';
import { PlainRedis } from '@holdfast/testing';

/** What each call cost Redis, by the name of the engine's method: milliseconds of its main thread, one a call. */
export type Costs = Map<string, number[]>;

/** What a call may be: one command that is sent for it. */
const metered = new Set(['get', 'mget', 'set', 'del', 'hget', 'pexpire', 'run', 'scan', 'zcard', 'zrange']);

/**
 * `engine`, with its calls one after another, and what each of them cost. Redis serves nobody else while its main thread
 * is at work for a call, and that thread's processor time (`INFO cpu`) says how long this is. Unlike the wall-clock time
 * of `SLOWLOG` and `LATENCY` it does not grow when a busy machine lets the thread wait. It includes what Redis does besides:
 * the question itself, its cron, and rehashing.
 */
export async function meteredEngine(
  engine: RedisEngine,
  url: string,
): Promise<{ readonly engine: RedisEngine; readonly costs: Costs; readonly stop: () => void }> {
  const redis = await PlainRedis.connect(url);
  const costs: Costs = new Map();
  let last: Promise<unknown> = Promise.resolve();
  const measure = async (name: string, call: () => Promise<unknown>): Promise<unknown> => {
    const before = await mainThreadMs(redis);
    const reply = await call();
    costs.set(name, [...(costs.get(name) ?? []), (await mainThreadMs(redis)) - before]);
    return reply;
  };
  const proxy = new Proxy(engine, {
    get(target, property) {
      const member: unknown = Reflect.get(target, property, target);
      if (typeof member !== 'function') return member;
      const call = (...args: unknown[]): unknown => Reflect.apply(member, target, args);
      if (!metered.has(String(property))) return call;
      return (...args: unknown[]) => {
        const mine = last.then(() => measure(String(property), () => call(...args) as Promise<unknown>));
        last = mine.catch(() => undefined);
        return mine;
      };
    },
  });
  return { engine: proxy, costs, stop: () => redis.close() };
}

async function mainThreadMs(redis: PlainRedis): Promise<number> {
  const info = String(await redis.send('INFO', 'cpu'));
  const seconds = ['sys', 'user'].map((kind) => Number(info.match(`used_cpu_${kind}_main_thread:([\\d.]+)`)?.[1]));
  return seconds.reduce((sum, one) => sum + one, 0) * 1000;
}
