import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  documentedRights,
  eventually,
  HidingProxy,
  startCluster,
  startRedis,
  type RedisServer,
} from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RedisLimitEvent } from '../src/channels.ts';
import { createEngine, type EngineOptions, type LimitKind, type RedisEngine } from '../src/index.ts';

/** Its Redis may take as long as a busy machine needs. */
const patient = { probeDeadlineMs: 30_000, commandTimeoutMs: 30_000 };

/** What a user of an application is often given. It lacks TIME, INFO, SUBSCRIBE and CONFIG. */
const usual = ['-@all', '+@read', '+@write', '+@scripting', '+@connection'];

describe('a server that refuses what can be done without', () => {
  const engines: RedisEngine[] = [];
  let told: (readonly [LimitKind, string | undefined])[];
  const listen = (event: unknown): void => {
    const { kind, reason } = event as RedisLimitEvent;
    told.push([kind, reason]);
  };
  beforeEach(() => {
    told = [];
    subscribe('holdfast:redis:limit', listen);
  });
  afterEach(async () => {
    unsubscribe('holdfast:redis:limit', listen);
    vi.restoreAllMocks();
    await Promise.all(engines.splice(0).map((engine) => engine.close()));
  });

  const connect = async (server: RedisServer, options: Partial<EngineOptions> = {}): Promise<RedisEngine> => {
    const engine = createEngine({
      name: 'limited',
      target: { kind: 'standalone', host: server.host, port: server.port, username: 'app', password: 'secret' },
      ownKey: 'holdfast:probe',
      ...patient,
      ...options,
    });
    engines.push(engine);
    await eventually(() => expect(engine.status.available).toBe(true));
    return engine;
  };
  const kinds = ({ status }: RedisEngine): readonly LimitKind[] => (status.limits ?? []).map(({ kind }) => kind);
  const stat = async (server: RedisServer, command: string, field: string): Promise<number> => {
    const stats = String(await server.command('INFO', 'commandstats'));
    return Number(new RegExp(`^cmdstat_${command}:.*\\b${field}=(\\d+)`, 'm').exec(stats)?.[1] ?? 0);
  };

  describe('by its rules of access', () => {
    let server: RedisServer;
    beforeAll(async () => {
      server = await startRedis();
    });
    beforeEach(async () => {
      await server.command('ACL', 'SETUSER', 'app', 'reset', 'on', '>secret', '~*', 'resetchannels', ...usual);
      await server.command('CONFIG', 'RESETSTAT');
    });
    afterAll(() => server.stop());

    it('is worked with, and what it does not grant is said once, over all connections', async () => {
      const onConsole = vi.spyOn(console, 'warn');
      const engine = await connect(server);
      engine.onInvalidate(() => undefined);
      await engine.set('a', '1');
      await expect(engine.info()).rejects.toMatchObject({ code: 'REDIS_ACCESS_REFUSED' });
      await eventually(() =>
        expect(kinds(engine).toSorted((a, b) => a.localeCompare(b))).toEqual(['clock', 'info', 'tracking']),
      );
      expect(engine.tracksReads).toBe(false);

      let changes = 0;
      engine.onAvailability(() => (changes += 1));
      await server.command('CLIENT', 'KILL', 'USER', 'app');
      await eventually(() => expect(changes).toBe(2));
      await expect(engine.info()).rejects.toThrow(/NOPERM/);
      expect((await engine.get('a'))?.toString()).toBe('1');
      expect(told.map(([kind]) => kind).toSorted((a, b) => a.localeCompare(b))).toEqual(['clock', 'info', 'tracking']);
      expect(told.find(([kind]) => kind === 'clock')?.[1]).toMatch(/clock of this process \(NOPERM .*time/);
      expect(onConsole).not.toHaveBeenCalled();
    });

    it('is asked for its time once a connection, and watched all the same', async () => {
      const engine = await connect(server, { probeIntervalMs: 20, probeDeadlineMs: 500 });
      const before = Date.now();
      expect(engine.now()).toBeGreaterThanOrEqual(before);
      expect(engine.now()).toBeLessThanOrEqual(Date.now());
      await eventually(async () => expect(await stat(server, 'ping', 'calls')).toBeGreaterThan(5));
      // Each connection begins with one; a machine that is very busy may need a second.
      expect(await stat(server, 'time', 'rejected_calls')).toBe(await stat(server, 'unlink', 'calls'));
    });

    it('is believed as soon as it grants them', async () => {
      const engine = await connect(server);
      await expect(engine.info()).rejects.toThrow();
      expect(kinds(engine)).toEqual(['clock', 'info']);
      await server.command('ACL', 'SETUSER', 'app', '+time', '+info');
      await server.command('CLIENT', 'KILL', 'USER', 'app');
      await eventually(() => expect(kinds(engine)).toEqual(['info']));
      await engine.info();
      expect(engine.status).toEqual({ available: true, breaker: 'closed' });
      expect(told.slice(2)).toEqual([
        ['clock', undefined],
        ['info', undefined],
      ]);
    });

    it('still reports what changes where it refuses nothing but INFO', async () => {
      await server.command('ACL', 'SETUSER', 'app', '+@pubsub', 'allchannels');
      const engine = await connect(server);
      const heard: (string | null)[] = [];
      engine.onInvalidate((keys) => heard.push(...(keys ?? [null])));
      await eventually(() => expect(engine.trackingEpoch).toBeGreaterThan(0));
      await engine.get('watched');
      await server.command('SET', 'watched', '1');
      await eventually(() => expect(heard).toContain('watched'));
      expect(kinds(engine)).toEqual(['clock']);
    });

    it('is not called usable where it refuses the user everything', async () => {
      await server.command('ACL', 'SETUSER', 'app', '-@all');
      const engine = createEngine({
        name: 'limited',
        target: { kind: 'standalone', host: server.host, port: server.port, username: 'app', password: 'secret' },
      });
      engines.push(engine);
      await eventually(() => expect(engine.status).toMatchObject({ available: false, fault: 'forbidden' }));
    });
  });

  describe('because it does not have them', () => {
    it.each([
      ['CLIENT, as some that are managed', ['CLIENT'], ['tracking']],
      ['CLIENT, INFO and TIME, as a proxy', ['CLIENT', 'INFO', 'TIME'], ['clock', 'info', 'tracking']],
    ])('%s, is worked with', async (_, missing, limits) => {
      const server = await startRedis();
      const proxy = await HidingProxy.listen(server, missing);
      try {
        const engine = await connect(server, { target: { kind: 'standalone', host: proxy.host, port: proxy.port } });
        engine.onInvalidate(() => undefined);
        await engine.set('a', '1');
        expect((await engine.get('a'))?.toString()).toBe('1');
        await engine.info().catch(() => undefined);
        await eventually(() => expect(kinds(engine).toSorted((a, b) => a.localeCompare(b))).toEqual(limits));
        expect(engine.tracksReads).toBe(false);
      } finally {
        await proxy.close();
        await server.stop();
      }
    });
  });

  it('of a cluster, by the rules that are documented, denies nothing, and is worked with without TIME', async () => {
    const cluster = await startCluster();
    try {
      for (const node of cluster.nodes) {
        await node.command('ACL', 'SETUSER', 'holdfast', ...documentedRights('secret', { isCluster: true }));
        await node.command('ACL', 'SETUSER', 'timeless', ...documentedRights('secret', { isCluster: true }), '-time');
      }
      for (const [username, limits] of [
        ['holdfast', []],
        ['timeless', ['clock']],
      ] as const) {
        const { addresses: nodes } = cluster;
        const engine = createEngine({
          name: 'limited',
          target: { kind: 'cluster', nodes, username, password: 'secret' },
          ...patient,
        });
        engines.push(engine);
        await eventually(() => expect(engine.status.available).toBe(true));
        for (let at = 0; at < 20; at += 1) await engine.set(`holdfast:${at}`, '1');
        await engine.info();
        await eventually(() => expect(kinds(engine)).toEqual(limits));
        expect(Math.abs(engine.now() - Date.now())).toBeLessThan(60_000);
      }
      for (const node of cluster.nodes) {
        const denied = JSON.stringify(await node.command('ACL', 'LOG'));
        expect(denied.replaceAll('"object","time"', '')).not.toContain('"object"');
      }
    } finally {
      await cluster.stop();
    }
  });
});
