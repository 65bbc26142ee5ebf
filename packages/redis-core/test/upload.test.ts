import { eventually, FaultProxy, startTlsRedis, type TlsRedis } from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ClusterMaster } from '../src/engines/cluster-master.ts';
import { ServerLimits } from '../src/server-limits.ts';
import { createClient, endClient } from '../src/engines/ioredis-client.ts';
import { createEngine, type EngineOptions, type RedisEngine, type RedisTarget } from '../src/index.ts';

/** More than the buffers between the two ends take, so that most of it is still to be sent. */
const large = Buffer.alloc(16 * 1024 * 1024, 'upload');
/** A question is asked soon, and a busy machine has time for the answer. */
const probing = { probeIntervalMs: 50, probeDeadlineMs: 1000, commandTimeoutMs: 60_000 } as const;

/** A link that takes an upload slowly, or not at all, to a server that answers whoever asks on another connection. */
describe.each(['plain', 'TLS'] as const)('an upload over a slow link (%s)', (kind) => {
  let redis: TlsRedis;
  let proxy: FaultProxy;
  let options: EngineOptions;
  let engine: RedisEngine;

  beforeAll(async () => {
    redis = await startTlsRedis();
  });
  afterAll(() => redis.stop());
  beforeEach(async () => {
    const { host, port, serverName, certificates } = redis;
    proxy = await FaultProxy.listen(kind === 'TLS' ? { host, port } : redis.server);
    const tls = { ca: certificates.ca, ...certificates.client, serverName };
    const plain = { kind: 'standalone', host: proxy.host, port: proxy.port } as const;
    const target: RedisTarget = kind === 'TLS' ? { ...plain, tls } : plain;
    options = { name: 'upload', target, ...probing };
    engine = createEngine(options);
    await eventually(() => expect(engine.status.available).toBe(true));
  });
  afterEach(async () => {
    await engine.close();
    await proxy.close();
  });

  /** Waits until it was asked beside the upload more than once: each time is a connection, and follows an answer in time. */
  async function askedBeside(): Promise<void> {
    const before = proxy.accepted;
    await eventually(() => expect(proxy.accepted).toBeGreaterThanOrEqual(before + 3), { timeoutMs: 20_000 });
  }

  test('is no silence: it arrives, and with it what others sent behind it', async () => {
    const outages: boolean[] = [];
    engine.onAvailability((available) => outages.push(available));
    proxy.allow(100_000);
    const upload = engine.set('large', large);
    const behind = engine.set('behind', '1');
    const impatient = Array.from({ length: 10 }, () => engine.get('behind', { deadlineMs: 300 }).catch(() => 'late'));
    await askedBeside();
    expect(await Promise.all(impatient)).toEqual(impatient.map(() => 'late'));
    expect(engine.status).toEqual({ available: true, breaker: 'closed' });
    proxy.pass();
    expect(await Promise.all([upload, behind])).toMatchObject([{ stored: true }, { stored: true }]);
    expect(outages).toEqual([]);
    expect((await engine.get('large'))?.equals(large)).toBe(true);
  });

  test('to a server that answers nobody any more is given up, long before its deadline', async () => {
    redis.server.pause();
    try {
      await expect(engine.set('large', large)).rejects.toMatchObject({ code: 'REDIS_UNKNOWN_OUTCOME' });
      expect(engine.status).toMatchObject({ available: false, fault: 'silent' });
    } finally {
      redis.server.resume();
    }
  });

  test('is no silence to a master of a cluster either', async () => {
    const client = createClient(options, 'commands');
    const reasons: unknown[] = [];
    const master = new ClusterMaster({
      address: `${proxy.host}:${proxy.port}`,
      connectionTimeoutMs: 60_000,
      ...probing,
      limits: new ServerLimits('upload', proxy.host),
      onChange: (changed) => reasons.push(changed.reason),
      onRefusals: () => undefined,
    });
    try {
      master.attach(client);
      await master.measured;
      proxy.allow(100_000);
      const upload = client.set('large', large);
      await askedBeside();
      proxy.pass();
      expect(await upload).toBe('OK');
      expect(reasons).toEqual([]);
    } finally {
      master.close();
      endClient(client);
    }
  });
});
