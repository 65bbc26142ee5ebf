import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { eventually, FaultProxy, startRedis, type RedisServer } from '@holdfast/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RedisRefusalsEvent } from '../src/channels.ts';
import { createEngine, type RedisEngine } from '../src/index.ts';

describe('an address that moves to another primary', () => {
  let old: RedisServer;
  let next: RedisServer;
  let address: FaultProxy;
  const engines: RedisEngine[] = [];
  const events: RedisRefusalsEvent[] = [];
  const listen = (event: unknown): void => void events.push(event as RedisRefusalsEvent);

  const open = async (ownKey?: string): Promise<RedisEngine> => {
    const { host, port } = address;
    const target = { kind: 'standalone', host, port } as const;
    const engine = createEngine({ name: 'moved', target, ...(ownKey === undefined ? {} : { ownKey }) });
    engines.push(engine);
    await engine.set('key', 'old');
    return engine;
  };
  const demote = async (): Promise<unknown> => old.command('REPLICAOF', next.host, String(next.port));
  const readOnly = { available: true, refuses: { writes: { kind: 'read-only' } } };

  beforeEach(async () => {
    [old, next] = await Promise.all([startRedis(), startRedis({ args: ['--repl-diskless-sync-delay', '0'] })]);
    address = await FaultProxy.listen(old);
    events.length = 0;
    subscribe('holdfast:redis:refusals', listen);
  });
  afterEach(async () => {
    unsubscribe('holdfast:redis:refusals', listen);
    await Promise.all(engines.splice(0).map((engine) => engine.close()));
    await address.close();
    await Promise.all([old.stop(), next.stop()]);
  });

  test.each([[undefined], ['holdfast:probe']])('is followed although the old connection stays open', async (ownKey) => {
    const engine = await open(ownKey);
    address.moveTo(next);
    await demote();
    await expect(engine.set('key', 'lost')).rejects.toMatchObject({ code: 'REDIS_READ_ONLY' });
    await eventually(async () => expect(await engine.set('key', 'new')).toMatchObject({ stored: true }));
    expect(await next.command('GET', 'key')).toBe('new');
    expect(engine.status).toEqual({ available: true, breaker: 'closed' });
    expect(events.map(({ refuses }) => refuses.writes?.kind)).toEqual(['read-only', undefined]);
  });

  test('says that writes are refused, and reads, as long as it has not moved', async () => {
    const engine = await open();
    await demote();
    await expect(engine.set('key', 'lost')).rejects.toMatchObject({ code: 'REDIS_READ_ONLY' });
    const changes: boolean[] = [];
    engine.onAvailability((available) => changes.push(available));
    // Two looks past it, at the least.
    const before = Number(/total_connections_received:(\d+)/.exec(String(await old.command('INFO', 'stats')))?.[1]);
    await eventually(async () => {
      const stats = String(await old.command('INFO', 'stats'));
      expect(Number(/total_connections_received:(\d+)/.exec(stats)?.[1])).toBeGreaterThan(before + 2);
    });
    expect(engine.status).toMatchObject(readOnly);
    expect(engine.status.refuses?.writes?.reason).toMatch(/^redis:.* is a replica and refuses writes \(READONLY\)/);
    expect(await engine.get('key').then(String)).toMatch(/old|null/);
    expect(changes).toEqual([]);

    address.moveTo(next);
    await eventually(async () => expect(await engine.set('key', 'new')).toMatchObject({ stored: true }));
    expect(await next.command('GET', 'key')).toBe('new');
  });

  test('is known to be a replica from the first connection on', async () => {
    await demote();
    const { host, port } = address;
    const engine = createEngine({
      name: 'moved',
      target: { kind: 'standalone', host, port },
      ownKey: 'holdfast:probe',
    });
    engines.push(engine);
    await eventually(() => expect(engine.status).toMatchObject(readOnly));
  });

  test('needs no other connection where the replica is promoted again', async () => {
    const engine = await open();
    await demote();
    await expect(engine.set('key', 'lost')).rejects.toMatchObject({ code: 'REDIS_READ_ONLY' });
    await old.command('REPLICAOF', 'NO', 'ONE');
    await eventually(() => expect(engine.status).toEqual({ available: true, breaker: 'closed' }));
    expect(await engine.set('key', 'again')).toMatchObject({ stored: true });
  });

  test('is left at once where it serves nobody as a replica, and followed', async () => {
    const engine = await open();
    await old.command('CONFIG', 'SET', 'replica-serve-stale-data', 'no');
    await old.command('REPLICAOF', '127.0.0.1', '1');
    await expect(engine.get('key')).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
    await eventually(() => expect(engine.status).toMatchObject({ available: false, fault: 'not-ready' }));
    expect(engine.status.reason).toMatch(/is not ready \(MASTERDOWN/);
    address.moveTo(next);
    await eventually(async () => expect(await engine.set('key', 'new')).toMatchObject({ stored: true }));
  });
});
