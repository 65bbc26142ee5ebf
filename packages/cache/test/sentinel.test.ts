import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createEngine, createKeys, type RedisEngine, type RedisTrackingEvent } from '@holdfast/redis-core';
import { eventually, type RedisSentinel, startSentinel, uniquePrefix } from '@holdfast/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Cache, NearCache } from '../src/index.ts';

/** How long the first tier may go on without knowing that nobody reports changes any more. */
const HEARTBEAT_MS = 1000;
/** What a busy machine may add to that. */
const SLACK_MS = 400;

describe.each([
  ['killed', 'SIGKILL'],
  ['frozen', 'SIGSTOP'],
] as const)('when the master of a sentinel set is %s', (_name, signal) => {
  let sentinel: RedisSentinel;
  const engines: RedisEngine[] = [];
  /** When the reader's tracking ended. */
  const ended: number[] = [];
  const listen = (event: unknown): void => {
    const { connection, armed } = event as RedisTrackingEvent;
    if (connection === 'reader' && !armed) ended.push(performance.now());
  };

  beforeEach(async () => {
    sentinel = await startSentinel();
    ended.length = 0;
    subscribe('holdfast:redis:tracking', listen);
  });
  afterEach(async () => {
    unsubscribe('holdfast:redis:tracking', listen);
    vi.restoreAllMocks();
    await Promise.all(engines.splice(0).map((engine) => engine.close()));
    await sentinel.stop();
  });

  test('the first tier is off within the heartbeat, and coherent again with the next one', async () => {
    const keys = createKeys(uniquePrefix());
    const open = (name: string): { near: NearCache; cache: Cache } => {
      const { addresses, masterName } = sentinel;
      const target = { kind: 'sentinel', sentinels: addresses, masterName } as const;
      const engine = createEngine({ name, target, commandTimeoutMs: 1000, trackingHeartbeatMs: HEARTBEAT_MS });
      engines.push(engine);
      const near = new NearCache(engine);
      return { near, cache: new Cache({ engine, keys, namespace: 'ns', ttlMs: 60_000 }, { near }) };
    };
    const [reader, writer] = [open('reader'), open('writer')];
    const warm = (): Promise<void> =>
      eventually(async () => expect(await reader.cache.read('k')).toMatchObject({ layer: 'l1' }));
    await eventually(() => writer.cache.set('k', 'first'));
    await warm();

    let wentAt = Number.NaN;
    const kill = process.kill.bind(process);
    vi.spyOn(process, 'kill').mockImplementation((pid, given) => {
      if (given === signal) wentAt = performance.now();
      return kill(pid, given);
    });
    const next = await sentinel.failover(signal);
    expect(Math.max(...ended.map((at) => at - wentAt))).toBeLessThan(HEARTBEAT_MS + SLACK_MS);
    expect(ended.length).toBeGreaterThan(0);

    await eventually(() => writer.cache.set('k', 'second'));
    // What the first tier held is never served again, from the first answer on.
    expect(await eventually(() => reader.cache.get('k'))).toBe('second');
    await warm();
    await writer.cache.set('k', 'third');
    await eventually(async () => expect(await reader.cache.get('k')).toBe('third'), { intervalMs: 1 });
    await warm();
    await next.command('DEL', keys.cache('ns', 'k'));
    await eventually(async () => expect(await reader.cache.get('k')).toBeUndefined(), { intervalMs: 1 });
  });
});
