import { eventually, startCluster, startRedis } from '@holdfast/testing';
import type { RedisServer } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi } from './fixture.ts';
import type { Api, ProblemBody } from './fixture.ts';

interface Health {
  readonly status: string;
  readonly available: { readonly read: boolean; readonly write: boolean; readonly queue: boolean };
  readonly refusals: readonly {
    readonly connection: string;
    readonly work: string;
    readonly fault: string;
    readonly reason: string;
  }[];
  readonly redis: { readonly healthy: boolean; readonly reason?: string; readonly fault?: string };
}

async function healthOf(url: string): Promise<Health> {
  return (await (await fetch(`${url}/health`)).json()) as Health;
}

/** The series of refusals that a scrape shows. */
async function refusalsOf(api: Api): Promise<readonly string[]> {
  return (await api.metrics.text()).split('\n').filter((line) => line.startsWith('holdfast_redis_refuses{'));
}

describe('a Redis that answers and refuses writes', () => {
  let redis: RedisServer;
  let api: Api;
  let url: string;
  beforeAll(async () => {
    redis = await startRedis();
    api = await startApi({ env: { REDIS_URL: redis.url } });
    url = await api.app.listen({ port: 0 });
    await expectHealthy();
  });
  afterAll(async () => {
    await api.close();
    await redis.stop();
  });

  const put = async () => fetch(`${url}/v1/cache/prompts/k`, { method: 'PUT', body: 'x' });
  const invalidate = async () => post('/v1/cache/prompts/invalidate', { tags: ['t'] });
  const addJob = async () => post('/v1/queues/http-delivery/jobs', { data: { url: 'https://example.com/' } });
  const health = async (): Promise<Health> => healthOf(url);
  const expectHealthy = () =>
    eventually(async () => expect(await health()).toMatchObject({ status: 'ok', redis: { healthy: true } }));

  async function post(path: string, body: object): Promise<Response> {
    const headers = { 'content-type': 'application/json' };
    return fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
  }

  it('since it has become a replica is not called healthy', async () => {
    await redis.command('REPLICAOF', '127.0.0.1', '1');
    try {
      expect((await put()).status).toBe(503);
      const { status, redis: reading } = await health();
      expect({ status, healthy: reading.healthy }).toEqual({ status: 'degraded', healthy: false });
      expect(reading.reason).toMatch(/READONLY/);
    } finally {
      await redis.command('REPLICAOF', 'NO', 'ONE');
    }
    await expectHealthy();
  });

  it('since a rule of its forbids them refuses access, also inside scripts', async () => {
    await redis.command('ACL', 'SETUSER', 'default', '-@write');
    try {
      const answers = await Promise.all([put(), invalidate()]);
      const codes = await Promise.all(answers.map(async (answer) => ((await answer.json()) as ProblemBody).code));
      expect(codes).toEqual(['REDIS_ACCESS_REFUSED', 'REDIS_ACCESS_REFUSED']);
      expect(answers.map((answer) => answer.status)).toEqual([503, 503]);
      expect((await addJob()).status).toBe(202);
      expect(await health()).toMatchObject({ status: 'degraded', redis: { healthy: false, fault: 'forbidden' } });
    } finally {
      await redis.command('ACL', 'SETUSER', 'default', '+@all');
    }
    await expectHealthy();
  });

  const logged = (msg: string): readonly string[] =>
    api.log.filter((line) => line.includes(`"msg":"${msg}"`)).map((line) => line);

  it.each([
    ['is full', 'out-of-memory', ['CONFIG', 'SET', 'maxmemory', '1'], ['CONFIG', 'SET', 'maxmemory', '0']],
    [
      'lacks replicas',
      'too-few-replicas',
      ['CONFIG', 'SET', 'min-replicas-to-write', '1'],
      ['CONFIG', 'SET', 'min-replicas-to-write', '0'],
    ],
    ['has become a replica', 'read-only', ['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE']],
    ['forbids writes', 'forbidden', ['ACL', 'SETUSER', 'default', '-@write'], ['ACL', 'SETUSER', 'default', '+@all']],
    [
      'forbids scripts',
      'forbidden',
      ['ACL', 'SETUSER', 'default', '-@scripting'],
      ['ACL', 'SETUSER', 'default', '+@all'],
    ],
  ])(
    'since it %s, is told of before anybody writes: by kind of work, with the reason, as a metric and in the log',
    async (_, fault, spoil, mend) => {
      await redis.command(...spoil);
      try {
        const found = await health();
        expect(found).toMatchObject({ status: 'degraded', available: { read: true, write: false, queue: false } });
        expect(found.refusals.map((each) => `${each.connection} ${each.work} ${each.fault}`)).toEqual([
          `cache write ${fault}`,
          `durable write ${fault}`,
          `queue queue ${fault}`,
        ]);
        for (const { reason } of found.refusals) expect(reason).toContain(`redis://${redis.host}:${redis.port}`);
        expect(found.redis).toMatchObject({ healthy: false, fault });
        expect((await refusalsOf(api)).join('\n')).toContain(`connection="queue",work="queue",fault="${fault}"`);
        await eventually(() => expect(logged('Redis refuses work').join('')).toContain(`"fault":"${fault}"`));
      } finally {
        await redis.command(...mend);
      }
      await expectHealthy();
      // The queue asks by itself whether it is over.
      const all = { read: true, write: true, queue: true };
      await eventually(async () => expect(await health()).toMatchObject({ available: all, refusals: [] }));
      await eventually(async () => expect(await refusalsOf(api)).toEqual([]));
    },
  );

  it('since it forbids a single command, is told of once a call has met it', async () => {
    await redis.command('ACL', 'SETUSER', 'default', '-set');
    try {
      expect((await put()).status).toBe(503);
      expect(await health()).toMatchObject({
        status: 'degraded',
        available: { read: true, write: false },
        redis: { healthy: false, fault: 'forbidden' },
      });
    } finally {
      await redis.command('ACL', 'SETUSER', 'default', '+@all');
    }
  });
});

describe('a Redis Cluster', () => {
  it('whose queue has lost its master is told of', async () => {
    const cluster = await startCluster();
    for (const node of cluster.nodes) {
      await node.command('CONFIG', 'SET', 'cluster-replica-no-failover', 'yes');
      await node.command('CONFIG', 'SET', 'cluster-require-full-coverage', 'no');
    }
    const nodes = cluster.addresses.map(({ host, port }) => `${host}:${port}`).join(',');
    const api = await startApi({ env: { REDIS_URL: '', REDIS_CLUSTER_NODES: nodes } });
    try {
      const url = await api.app.listen({ port: 0 });
      await eventually(async () => expect(await healthOf(url)).toMatchObject({ status: 'ok', refusals: [] }));
      const { queues, backend } = api.runtime.parts.queues;
      // That of a queue, but not that of the key with which the engine is asked.
      const probe = await cluster.masterOf(`${api.config.redis.keyPrefix}:probe`);
      const masters = await Promise.all(
        queues.names().map(async (name) => cluster.masterOf(`${backend.prefixOf(name)}:`)),
      );
      const victim = masters.find((master) => master !== probe) ?? masters[0];
      await victim?.kill();
      await eventually(async () => {
        const found = await healthOf(url);
        expect(found).toMatchObject({ status: 'degraded', available: { queue: false } });
        expect(found.refusals.find(({ work }) => work === 'queue')?.reason).toMatch(/queue|slot|cluster/);
      });
      expect((await refusalsOf(api)).join('\n')).toContain('work="queue"');
    } finally {
      await api.close();
      await cluster.stop();
    }
  });

  it('that is down as a whole is told of', async () => {
    const cluster = await startCluster();
    for (const node of cluster.nodes) await node.command('CONFIG', 'SET', 'cluster-replica-no-failover', 'yes');
    const nodes = cluster.addresses.map(({ host, port }) => `${host}:${port}`).join(',');
    const api = await startApi({ env: { REDIS_URL: '', REDIS_CLUSTER_NODES: nodes } });
    try {
      const url = await api.app.listen({ port: 0 });
      await eventually(async () => expect(await healthOf(url)).toMatchObject({ status: 'ok', refusals: [] }));
      const [victim] = await cluster.masters();
      await victim?.kill();
      await eventually(async () => {
        expect(await healthOf(url)).toMatchObject({
          status: 'degraded',
          available: { read: false, write: false, queue: false },
        });
      });
    } finally {
      await api.close();
      await cluster.stop();
    }
  });
});
