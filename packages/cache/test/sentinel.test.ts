import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createEngine, createKeys, type RedisEngine, type RedisTrackingEvent } from '@holdfast/redis-core';
import { eventually, type RedisSentinel, startSentinel, uniquePrefix } from '@holdfast/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Cache, L1Cache } from '../src/index.ts';

describe.each([
  ['killed', 'SIGKILL'],
  ['frozen', 'SIGSTOP'],
] as const)('when the master of a sentinel set is %s', (_name, signal) => {
  let sentinel: RedisSentinel;
  const engines: RedisEngine[] = [];
  /** How often the reader's tracking ended. */
  let ended = 0;
  const listen = (event: unknown): void => {
    const { connection, armed } = event as RedisTrackingEvent;
    if (connection === 'reader' && !armed) ended += 1;
  };

  beforeEach(async () => {
    sentinel = await startSentinel();
    ended = 0;
    subscribe('holdfast:redis:tracking', listen);
  });
  afterEach(async () => {
    unsubscribe('holdfast:redis:tracking', listen);
    await Promise.all(engines.splice(0).map((engine) => engine.close()));
    await sentinel.stop();
  });

  test('L1 is off before another one writes, and coherent again with the next one', async () => {
    const keys = createKeys(uniquePrefix());
    const open = (name: string): { l1: L1Cache; cache: Cache } => {
      const { addresses, masterName } = sentinel;
      const target = { kind: 'sentinel', sentinels: addresses, masterName } as const;
      const engine = createEngine({ name, target, commandTimeoutMs: 1000 });
      engines.push(engine);
      const l1 = new L1Cache(engine);
      return { l1, cache: new Cache({ engine, keys, namespace: 'ns', ttlMs: 60_000 }, { l1 }) };
    };
    const [reader, writer] = [open('reader'), open('writer')];
    const warm = (): Promise<void> =>
      eventually(async () => expect(await reader.cache.read('k')).toMatchObject({ layer: 'l1' }));
    await eventually(() => writer.cache.set('k', 'first'));
    await warm();

    const next = await sentinel.failover(signal);
    await eventually(() => expect(ended).toBeGreaterThan(0));

    await eventually(() => writer.cache.set('k', 'second'));
    // What L1 held is never served again, from the first answer on.
    expect(await eventually(() => reader.cache.get('k'))).toBe('second');
    await warm();
    await writer.cache.set('k', 'third');
    await eventually(async () => expect(await reader.cache.get('k')).toBe('third'), { intervalMs: 1 });
    await warm();
    await next.command('DEL', keys.cache('ns', 'k'));
    await eventually(async () => expect(await reader.cache.get('k')).toBeUndefined(), { intervalMs: 1 });
  });
});
