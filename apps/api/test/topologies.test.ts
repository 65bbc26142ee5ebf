import {
  eventually,
  startCluster,
  startRedis,
  startSentinel,
  startTlsRedis,
  startUpstashRest,
  type RedisServer,
} from '@holdfast/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { startApi } from './fixture.ts';
import { leftOut, takeTour } from './rest-tour.ts';

type Environment = Readonly<Record<string, string>>;

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const list = (addresses: readonly { readonly host: string; readonly port: number }[]): string =>
  addresses.map(({ host, port }) => `${host}:${port}`).join(',');

async function standalone(): Promise<RedisServer> {
  const redis = await startRedis();
  closers.push(() => redis.stop());
  return redis;
}

const topologies: readonly (readonly [string, () => Promise<Environment>])[] = [
  ['a standalone Redis', async () => ({ REDIS_URL: (await standalone()).url })],
  [
    'a Redis over TLS with a client certificate',
    async () => {
      const tls = await startTlsRedis();
      const { port, serverName, certificates } = tls;
      closers.push(() => tls.stop());
      return {
        REDIS_URL: `rediss://127.0.0.1:${port}`,
        REDIS_TLS_CA: certificates.ca,
        REDIS_TLS_CERT: certificates.client.cert,
        REDIS_TLS_KEY: certificates.client.key,
        REDIS_TLS_SERVERNAME: serverName,
      };
    },
  ],
  [
    'a master behind sentinels',
    async () => {
      const sentinel = await startSentinel();
      closers.push(() => sentinel.stop());
      return {
        REDIS_URL: '',
        REDIS_SENTINELS: list(sentinel.addresses),
        REDIS_SENTINEL_NAME: sentinel.masterName,
      };
    },
  ],
  [
    'a cluster',
    async () => {
      const cluster = await startCluster();
      closers.push(() => cluster.stop());
      return { REDIS_URL: '', REDIS_CLUSTER_NODES: list(cluster.addresses) };
    },
  ],
  [
    'Upstash REST, with the queue over TCP',
    async () => {
      const redis = await standalone();
      const rest = await startUpstashRest(redis.url);
      closers.push(() => rest.stop());
      return {
        REDIS_URL: '',
        UPSTASH_REDIS_REST_URL: rest.url,
        UPSTASH_REDIS_REST_TOKEN: rest.token,
        QUEUE_REDIS_URL: redis.url,
      };
    },
  ],
];

async function start(env: Environment, engine: 'redis' | 'embedded' = 'redis'): Promise<string> {
  const api = await startApi({ engine, env: { NOVITA_API_BASE_URL: 'http://127.0.0.1:9/', ...env } });
  closers.push(() => api.close());
  await eventually(() => {
    const { cache, durable } = api.runtime.engines;
    const all = [cache.status, durable.status, api.runtime.parts.queues.backend.status];
    expect(all.filter(({ available }) => !available)).toEqual([]);
  });
  return api.app.listen({ port: 0 });
}

/** No route fails for Redis, and no item of an answer for many. */
async function expectTourToWork(at: string): Promise<void> {
  expect(await leftOut(at)).toEqual([]);
  const failed = (await takeTour(at)).filter(
    ({ status, code, body }) =>
      status >= 500 || code === 'REQUEST_INVALID' || ((body as { failed?: unknown } | undefined)?.failed ?? 0) !== 0,
  );
  expect(failed).toEqual([]);
  expect(await (await fetch(`${at}/health`)).json()).toMatchObject({ status: 'ok' });
}

/** With the cursor of each page, to the last one. */
async function expectListToBeWhole(at: string): Promise<void> {
  const wanted = Array.from({ length: 60 }, (_, n) => `n${n}`);
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ items: wanted.map((key) => ({ key, value: key })) });
  await fetch(`${at}/v1/cache/prompts/bulk/set`, { method: 'POST', headers, body });
  const seen = new Set<string>();
  let pages = 0;
  let cursor: string | null = null;
  do {
    const query: string = cursor === null ? '' : `&cursor=${cursor}`;
    const answer = await fetch(`${at}/v1/namespaces/prompts/keys?prefix=n&limit=10${query}`);
    const page = (await answer.json()) as { keys: string[]; cursor: string | null };
    expect({ status: answer.status, page }).toMatchObject({ status: 200 });
    for (const key of page.keys) seen.add(key);
    ({ cursor } = page);
    pages += 1;
  } while (cursor !== null);
  expect(seen).toEqual(new Set(wanted));
  expect(pages).toBeGreaterThan(1);
}

describe('every route works', () => {
  it.each(topologies)(
    'on %s',
    async (_name, topology) => {
      const at = await start(await topology());
      await expectTourToWork(at);
      await expectListToBeWhole(at);
    },
    60_000,
  );

  it('without any Redis', async () => {
    const at = await start({}, 'embedded');
    await expectTourToWork(at);
    await expectListToBeWhole(at);
  }, 60_000);
});
