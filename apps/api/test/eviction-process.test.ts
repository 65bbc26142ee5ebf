import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, spawnNode, startRedis, uniquePrefix, type RedisServer, type SpawnedNode } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const files = {
  api: new URL('../src/server.ts', import.meta.url),
  worker: new URL('../../worker/src/main.ts', import.meta.url),
};

describe.each(['api', 'worker'] as const)('the process of the %s, on Redis servers of the wrong policy', (name) => {
  let cache: RedisServer;
  let durable: RedisServer;
  let node: SpawnedNode;
  let address: string;

  beforeAll(async () => {
    cache = await startRedis({ args: ['--maxmemory', '64mb', '--maxmemory-policy', 'noeviction'] });
    durable = await startRedis({ args: ['--maxmemory', '64mb', '--maxmemory-policy', 'allkeys-lru'] });
    // A managed Redis refuses CONFIG; what INFO says is enough.
    for (const server of [cache, durable]) {
      await server.command('ACL', 'SETUSER', 'managed', 'on', '>pw', '~*', '&*', '+@all', '-config');
    }
    const asManaged = (url: string): string => url.replace('redis://', 'redis://managed:pw@');
    node = spawnNode(files[name], {
      cwd: mkdtempSync(join(tmpdir(), 'holdfast-eviction-')),
      env: {
        PORT: '0',
        WORKER_PORT: '0',
        REDIS_URL: asManaged(cache.url),
        QUEUE_REDIS_URL: asManaged(durable.url),
        REDIS_KEY_PREFIX: uniquePrefix('eviction'),
      },
    });
    const [, at = ''] = await node.waitForLine(/"(?:address|health)":"([^"]+)".*"ready"/);
    address = at;
  });
  afterAll(async () => {
    await node.kill();
    await Promise.all([cache.stop(), durable.stop()]);
  });

  interface Redises {
    readonly cache: { readonly warnings: readonly string[] };
    readonly durable: { readonly warnings: readonly string[] };
  }
  const health = async (): Promise<{ status: string; redises: Redises }> => {
    const body = (await (await fetch(`${address}/health`)).json()) as {
      status: string;
      redis: Redises;
      dependencies?: { redis: Redises };
    };
    return { status: body.status, redises: body.dependencies?.redis ?? body.redis };
  };

  it('says so in its log, once each, and in its health', async () => {
    await eventually(async () => {
      const { status, redises } = await health();
      expect(status).toBe('ok');
      expect(redises).toMatchObject({
        cache: { warnings: [expect.stringContaining('noeviction')] },
        durable: { warnings: [expect.stringContaining('allkeys-lru')] },
      });
    });
    const warned = node.lines.filter((line) => line.includes('maxmemory-policy'));
    expect(warned).toEqual([expect.stringContaining('"level":"warn"'), expect.stringContaining('"level":"warn"')]);
    expect(warned.join()).toMatch(/the Redis of the queues: maxmemory-policy is allkeys-lru/);
  });

  it('writes nothing but its log: BullMQ has an opinion on the policy as well', () => {
    for (const line of node.lines) expect(JSON.parse(line)).toMatchObject({ service: name });
  });

  it('looks again when a connection is back', async () => {
    await durable.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    await durable.command('CLIENT', 'KILL', 'USER', 'managed');
    await node.waitForLine(/the Redis of the queues has a fitting eviction policy now/);
    // What a worker tells of itself is up to a second old.
    await eventually(async () => {
      const { redises } = await health();
      expect(redises.durable.warnings).toEqual([]);
      expect(redises.cache.warnings).toHaveLength(1);
    });
  });
});
