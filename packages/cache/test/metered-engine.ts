import type { RedisEngine } from '@holdfast/redis-core';
import { PlainRedis } from '@holdfast/testing';

/** How long each call may have kept Redis from others at most, by the name of the engine's method: milliseconds, one a call. */
export type Costs = Map<string, number[]>;

/** What a call may be: one command that is sent for it. */
const metered = new Set(['get', 'mget', 'set', 'del', 'hget', 'pexpire', 'run', 'scan', 'zcard', 'zrange']);
const readsOnly = new Set(['get', 'mget', 'hget', 'scan', 'zcard', 'zrange']);
const seemsLongMs = 4;

/**
 * `engine`, with its calls one after another, and what each of them cost. Redis serves nobody else while its main thread
 * is at work for a command. Two figures bound how long that was from above: the processor time of that thread (`INFO cpu`),
 * which also holds what it did before and after the command (its cron, expiring, rehashing), and the time that Redis itself
 * took for the command (`INFO commandstats`), which also holds what a busy machine let the thread wait. The truth is not
 * above the smaller one. Where the host of a virtual machine takes the processor away, both grow: a call that only reads is
 * therefore made again when it seems long, as what it asks of Redis is the same each time, and the shortest counts.
 */
export async function meteredEngine(
  engine: RedisEngine,
  url: string,
): Promise<{ readonly engine: RedisEngine; readonly costs: Costs; readonly stop: () => void }> {
  const redis = await PlainRedis.connect(url);
  const costs: Costs = new Map();
  let last: Promise<unknown> = Promise.resolve();
  const once = async (call: () => Promise<unknown>): Promise<{ reply: unknown; cost: number }> => {
    const before = await read(redis);
    const reply = await call();
    const after = await read(redis);
    const ofCommand = [...after.commands].map(([command, ms]) => ms - (before.commands.get(command) ?? 0));
    return { reply, cost: Math.min(after.mainThread - before.mainThread, Math.max(...ofCommand)) };
  };
  const measure = async (name: string, call: () => Promise<unknown>): Promise<unknown> => {
    let { reply, cost } = await once(call);
    for (let again = 0; again < 2 && readsOnly.has(name) && cost > seemsLongMs; again += 1) {
      const next = await once(call);
      ({ reply } = next);
      cost = Math.min(cost, next.cost);
    }
    costs.set(name, [...(costs.get(name) ?? []), cost]);
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

/** Milliseconds since the start of the server: of its main thread, and by command (that of a script holds those inside). */
async function read(redis: PlainRedis): Promise<{ mainThread: number; commands: Map<string, number> }> {
  const [cpu, stats] = await Promise.all(
    ['cpu', 'commandstats'].map(async (part) => String(await redis.send('INFO', part))),
  );
  const seconds = ['sys', 'user'].map((kind) => Number(cpu?.match(`used_cpu_${kind}_main_thread:([\\d.]+)`)?.[1]));
  const commands = [...(stats?.matchAll(/^cmdstat_(?!info)([^:]+):calls=\d+,usec=(\d+)/gm) ?? [])];
  return {
    mainThread: seconds.reduce((sum, one) => sum + one, 0) * 1000,
    commands: new Map(commands.map(([, command = '', microseconds]) => [command, Number(microseconds) / 1000])),
  };
}
