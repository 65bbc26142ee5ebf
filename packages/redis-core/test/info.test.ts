import { startRedis } from '@holdfast/testing';
import { describe, expect, test } from 'vitest';
import { aggregateInfo } from '../src/engines/cluster-info.ts';
import { createEngine, loadOf, summarizeInfo } from '../src/index.ts';

/** Lines of INFO as the servers send them, without those that say nothing here. */
const texts = {
  redis6: `# Server
redis_version:6.2.14
redis_mode:standalone
uptime_in_seconds:86400
# Clients
connected_clients:12
# Memory
used_memory:1048576
used_memory_human:1.00M
used_memory_peak:2097152
maxmemory:4194304
maxmemory_policy:allkeys-lru
mem_fragmentation_ratio:1.25
# Stats
instantaneous_ops_per_sec:340
keyspace_hits:70
keyspace_misses:30
# Keyspace
db0:keys=10,expires=2,avg_ttl=1000`,
  redis7: `redis_version:7.0.15
redis_mode:standalone
uptime_in_seconds:1
connected_clients:1
used_memory:916808
used_memory_peak:916808
maxmemory:0
maxmemory_policy:noeviction
mem_fragmentation_ratio:13.82
instantaneous_ops_per_sec:0
keyspace_hits:0
keyspace_misses:0`,
  redis8: `redis_version:8.2.1
redis_mode:cluster
uptime_in_seconds:77
connected_clients:3
used_memory:5000000
used_memory_peak:6000000
maxmemory:100000000
maxmemory_policy:volatile-ttl
mem_fragmentation_ratio:nan
instantaneous_ops_per_sec:12
keyspace_hits:1
keyspace_misses:0`,
  valkey: `redis_version:7.2.4
server_name:valkey
valkey_version:8.1.3
redis_mode:standalone
uptime_in_seconds:5
connected_clients:2
used_memory:1000
used_memory_peak:2000
maxmemory:0
maxmemory_policy:noeviction
mem_fragmentation_ratio:2.5
instantaneous_ops_per_sec:1
keyspace_hits:3
keyspace_misses:1`,
};

const fields = (text: string): Record<string, string> =>
  Object.fromEntries(
    text
      .split('\n')
      .filter((line) => !line.startsWith('#'))
      .map((line): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
  );

describe('the summary of INFO', () => {
  test('has the numbers of a busy server', () => {
    expect(summarizeInfo(fields(texts.redis6))).toEqual({
      memory: { used: 1_048_576, peak: 2_097_152, fragmentation: 1.25, max: 4_194_304, policy: 'allkeys-lru' },
      hitRate: 0.7,
      opsPerSecond: 340,
      clients: 12,
      uptimeSeconds: 86_400,
      version: 'Redis 6.2.14',
    });
  });

  test('takes no memory limit, and no lookups, for what they are', () => {
    const { memory, hitRate, version } = summarizeInfo(fields(texts.redis7));
    expect({ max: memory.max, hitRate, version }).toEqual({ max: null, hitRate: null, version: 'Redis 7.0.15' });
  });

  test('has no number for what is none', () => {
    const { memory, hitRate, version } = summarizeInfo(fields(texts.redis8));
    expect({ fragmentation: memory.fragmentation, hitRate, version }).toEqual({
      fragmentation: null,
      hitRate: 1,
      version: 'Redis 8.2.1',
    });
  });

  test('tells Valkey by its own version', () => {
    expect(summarizeInfo(fields(texts.valkey))).toMatchObject({ version: 'Valkey 8.1.3', hitRate: 0.75 });
  });

  test('of a server that tells nothing, knows nothing', () => {
    expect(summarizeInfo({})).toEqual({
      memory: { used: null, peak: null, fragmentation: null, max: null, policy: null },
      hitRate: null,
      opsPerSecond: null,
      clients: null,
      uptimeSeconds: null,
      version: 'unknown',
    });
  });

  test('tells each eviction policy that the masters of a cluster have', () => {
    const node = (policy: string) => ({ maxmemory: '100', maxmemory_policy: policy });
    const memoryOf = (...policies: string[]) => summarizeInfo(aggregateInfo(policies.map(node))).memory;
    expect(memoryOf('noeviction', 'noeviction')).toMatchObject({ policy: 'noeviction', max: 200 });
    expect(memoryOf('noeviction', 'allkeys-lru', 'noeviction').policy).toBe('noeviction,allkeys-lru');
  });

  test('tells how full a Redis is, and of a cluster how full its fullest master is', () => {
    const node = (used: number, max: number, maxclients = '10000') => ({
      used_memory: String(used),
      maxmemory: String(max),
      maxmemory_policy: 'noeviction',
      connected_clients: '20',
      maxclients,
    });
    expect(loadOf(node(30, 100))).toEqual({
      memoryUsed: 30,
      memoryMax: 100,
      memoryFullness: 0.3,
      policy: 'noeviction',
      clients: 20,
      maxClients: 10_000,
    });
    expect(loadOf(node(30, 0))).toMatchObject({ memoryMax: null, memoryFullness: null });
    // In all 40 % are used: nobody would know that one master takes no writes.
    expect(loadOf(aggregateInfo([node(10, 100), node(99, 100), node(11, 100)]))).toMatchObject({
      memoryUsed: 120,
      memoryMax: 300,
      memoryFullness: 0.99,
      clients: 60,
      maxClients: 30_000,
    });
    expect(loadOf(aggregateInfo([node(10, 0), node(20, 0)]))).toMatchObject({ memoryFullness: null });
  });

  test('reads what engines reply', async () => {
    const server = await startRedis();
    const engine = createEngine({
      name: 'info',
      target: { kind: 'standalone', host: server.host, port: server.port },
    });
    const memory = createEngine({ name: 'memory', target: { kind: 'memory' } });
    try {
      const summary = summarizeInfo(await engine.info());
      expect(summary.version).toMatch(/^(Redis|Valkey) \d/);
      expect(summary.memory.used).toBeGreaterThan(100_000);
      expect(summary.clients).toBeGreaterThan(0);
      expect(summarizeInfo(await memory.info())).toMatchObject({ version: 'memory engine' });
    } finally {
      await Promise.all([engine.close(), memory.close()]);
      await server.stop();
    }
  });
});
