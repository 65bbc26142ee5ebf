import { channel } from 'node:diagnostics_channel';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '@holdfast/config';
import { configParts, modules } from '@holdfast/modules';
import { httpDelivery } from '@holdfast/jobs';
import { Consumer, type Handler } from '@holdfast/queue';
import { pipeline } from '@holdfast/redis-core';
import { createLogger } from '@holdfast/telemetry';
import { eventually, startCluster, startUpstashRest, uniquePrefix, useRedis } from '@holdfast/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { createRuntime, type Runtime } from '../src/create-runtime.ts';
import { logRedisWork } from '../src/log-redis-work.ts';

interface Line {
  readonly msg: string;
  readonly [field: string]: unknown;
}

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

/** A runtime on Redis, and what is logged at `level`. */
async function start(level: string, env: Record<string, string>): Promise<{ runtime: Runtime; lines: Line[] }> {
  const lines: Line[] = [];
  const stream = { write: (line: string) => void lines.push(JSON.parse(line) as Line) };
  ends.push(logRedisWork(createLogger({ service: 'test', level, stream })));
  const cwd = mkdtempSync(join(tmpdir(), 'holdfast-log-'));
  // A busy machine is no outage.
  const patient = { REDIS_PROBE_DEADLINE_MS: '30000', REDIS_COMMAND_TIMEOUT_MS: '30000' };
  const config = loadConfig({
    parts: configParts(modules),
    cwd,
    env: { NODE_ENV: 'test', REDIS_KEY_PREFIX: uniquePrefix('log'), ...patient, ...env },
  });
  const runtime = await createRuntime(config, { modules });
  ends.push(() => runtime.close());
  await eventually(() => {
    expect(runtime.engines.cache.status.available).toBe(true);
    expect(runtime.parts.queues.backend.status.available).toBe(true);
  });
  return { runtime, lines };
}

/** What users put in, none of which a log may have. */
const secret = 'jane-doe-4711';

async function useEverything({ engines, parts }: Runtime): Promise<void> {
  const { caches } = parts.cache;
  const { queues, backend } = parts.queues;
  const cache = caches.get('prompts');
  await cache.set(secret, { [secret]: secret }, { tags: [secret] });
  await cache.get(secret);
  await cache.invalidate({ tags: [secret] });
  const sets = Array.from({ length: 40 }, (_, n) => ({ op: 'set', key: `{x}${secret}:${n}`, value: secret }) as const);
  await pipeline(engines.cache, sets, { connection: 'cache' });

  const data = { url: 'https://example.com/', body: secret };
  const done = Promise.withResolvers<void>();
  const handler: Handler<typeof httpDelivery> = async () => {
    done.resolve();
    return { status: 200, headers: {}, body: '', durationMs: 1 };
  };
  const consumer = new Consumer({ backend, definition: httpDelivery, handler });
  await consumer.start();
  await Promise.all(
    Array.from({ length: 3 }, async (_, n) =>
      queues.add('http-delivery', { data, options: { jobId: `${secret}-${n}` } }),
    ),
  );
  const toData = (_items: readonly string[]) => data;
  const items = queues.coalescer('http-delivery', { maxItems: 2, maxWaitMs: 60_000, toData });
  await Promise.all([items.add(secret), items.add(secret)]);
  await done.promise;
  await consumer.close({ timeoutMs: 20_000 });
}

const command = (fields: object): unknown =>
  expect.objectContaining({ msg: 'Redis command', durationMs: expect.any(Number), outcome: 'ok', ...fields });

describe('the log at debug', () => {
  it('has each command, of BullMQ too, and what was saved, and nothing of what users put in', async () => {
    const { runtime, lines } = await start('debug', { REDIS_URL: useRedis().url });
    await useEverything(runtime);
    await eventually(() => {
      expect(lines).toContainEqual(command({ connection: 'cache', command: 'script:cache-write' }));
      expect(lines).toContainEqual(command({ queue: 'http-delivery', part: 'producer', command: 'script:guardedAdd' }));
      expect(lines).toContainEqual(
        command({ queue: 'http-delivery', part: 'consumer', command: 'script:moveToFinished' }),
      );
      expect(lines).toContainEqual(command({ queue: 'http-delivery', part: 'consumer', command: 'bzpopmin' }));
    });
    const summary = (msg: string): Line | undefined => lines.find((line) => line.msg === msg);
    expect(summary('operations sent together')).toMatchObject({
      connection: 'cache',
      operations: 40,
      commands: 1,
      saved: 39,
    });
    expect(summary('jobs added together')).toMatchObject({ queue: 'http-delivery', jobs: 3, commands: 1, saved: 2 });
    expect(summary('items gathered into a job')).toMatchObject({
      queue: 'http-delivery',
      calls: 2,
      items: 2,
      saved: 1,
    });
    expect(JSON.stringify(lines)).not.toContain(secret);
    expect(JSON.stringify(lines)).not.toContain('example.com');
  });

  it('has what Redis refused as an error', async () => {
    const { runtime, lines } = await start('debug', { REDIS_URL: useRedis().url });
    const { cache } = runtime.engines;
    const key = `${uniquePrefix('log')}:text`;
    await cache.set(key, 'text');
    await expect(cache.hgetall(key)).rejects.toThrow(/WRONGTYPE/);
    expect(lines).toContainEqual(command({ command: 'hgetall', outcome: 'error' }));
  });

  it('has the commands of a cluster, and of the REST protocol of Upstash', async () => {
    const [cluster, upstash] = await Promise.all([startCluster(), startUpstashRest(useRedis().url)]);
    ends.push(
      () => cluster.stop(),
      () => upstash.stop(),
    );
    const nodes = cluster.addresses.map(({ host, port }) => `${host}:${port}`).join(',');
    const onCluster = await start('debug', { REDIS_CLUSTER_NODES: nodes });
    await onCluster.runtime.parts.cache.caches.get('prompts').set(secret, 1);
    await onCluster.runtime.parts.queues.queues.add('http-delivery', { data: { url: 'https://example.com/' } });
    expect(onCluster.lines).toContainEqual(command({ connection: 'cache', command: 'set' }));
    expect(onCluster.lines).toContainEqual(command({ part: 'producer', command: 'script:guardedAdd' }));

    const rest = { UPSTASH_REDIS_REST_URL: upstash.url, UPSTASH_REDIS_REST_TOKEN: upstash.token };
    const onUpstash = await start('debug', { ...rest, QUEUE_REDIS_URL: useRedis().url });
    await onUpstash.runtime.engines.cache.get(secret);
    expect(onUpstash.lines).toContainEqual(command({ connection: 'cache', command: 'get' }));
    expect(JSON.stringify([onCluster.lines, onUpstash.lines])).not.toContain(secret);
  });
});

it('at info nobody listens, so that no event is made', async () => {
  const { runtime, lines } = await start('info', { REDIS_URL: useRedis().url });
  await useEverything(runtime);
  expect(lines).toEqual([]);
  const ours = ['redis:command', 'redis:pipeline', 'queue:command', 'queue:batch', 'queue:coalesced'];
  expect(ours.filter((name) => channel(`holdfast:${name}`).hasSubscribers)).toEqual([]);
});
