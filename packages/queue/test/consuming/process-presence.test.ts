import {
  boundedWork,
  eventually,
  InnerWork,
  monitor,
  startCluster,
  startRedis,
  type RedisServer,
} from '@holdfast/testing';
import { Type } from 'typebox';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Consumer, createRedisBackend, defineQueue, Queues, type QueueBackend } from '../../src/index.ts';

const definitions = ['first', 'second', 'third'].map((name) =>
  defineQueue({
    name,
    description: 'One of several of a process.',
    payload: Type.Object({}),
    attempts: 1,
    timeoutMs: 1000,
    concurrency: 1,
    retention: { completed: {}, failed: {} },
  }),
);
const home = 'holdfast:jobs:{workers}:';

describe('the presence of a process with several queues', () => {
  let redis: RedisServer;
  let backend: QueueBackend;
  let queues: Queues;
  let consumers: Consumer[] = [];
  beforeEach(async () => {
    redis = await startRedis();
    backend = createRedisBackend({ target: { kind: 'standalone', host: '127.0.0.1', port: redis.port } });
    queues = new Queues({ backend, definitions });
  });
  afterEach(async () => {
    await Promise.all(consumers.map(async (consumer) => consumer.close({ timeoutMs: 3000 })));
    await queues.close();
    await redis.stop();
  });

  const consume = async (): Promise<void> => {
    consumers = definitions.map((definition) => new Consumer({ backend, definition, handler: () => undefined }));
    await Promise.all(consumers.map(async (consumer) => consumer.start()));
  };

  it('is one key, one connection and one command, and the queues know of it', async () => {
    await consume();
    await eventually(async () => expect(await redis.command('HVALS', `${home}hf:serves`)).toHaveLength(1));
    await eventually(async () => {
      const [served] = (await redis.command('HVALS', `${home}hf:serves`)) as string[];
      expect(served?.split(' ').toSorted()).toEqual(['first', 'second', 'third']);
    });
    expect(await redis.command('ZCARD', `${home}hf:presence`)).toBe(1);
    const clients = String(await redis.command('CLIENT', 'LIST'));
    expect(clients.match(/ name=holdfast:beat:\S*/g)).toHaveLength(1);
    for (const { name } of definitions) expect(await queues.summary(name)).toMatchObject({ workers: 1 });
  });

  it('is said before the first job is asked for', async () => {
    const watch = await monitor(redis.url);
    await consume();
    await eventually(() => expect(watch.count('bzpopmin')).toBeGreaterThan(0));
    const commands = watch.commands().map((command) => command.join(' '));
    const firstBeat = commands.findIndex((command) => command.includes(`${home}hf:presence`) || command.includes(home));
    const firstFetch = commands.findIndex((command) => /:active\b.*:prioritized\b|^bzpopmin/i.test(command));
    expect(firstBeat).toBeGreaterThanOrEqual(0);
    expect(firstFetch).toBeGreaterThan(firstBeat);
    await watch.stop();
  });

  it('costs bounded work a beat, whatever is left by others that died', async () => {
    const [keys, token] = ['holdfast:jobs:{first}:first:', 'hf1500.dead/1'];
    for (let n = 0; n < 150; n += 1) {
      await queues.add('first', { data: {}, options: { jobId: `left-${n}` } });
      await redis.command('ZREM', `${keys}prioritized`, `left-${n}`);
      await redis.command('LPUSH', `${keys}active`, `left-${n}`);
      await redis.command('SET', `${keys}left-${n}:lock`, `${token}:${n}`);
    }
    await redis.command('ZADD', `${home}hf:presence`, '0', 'hf1500.dead');
    await redis.command('HSET', `${home}hf:serves`, 'hf1500.dead', 'first second');
    const work = await InnerWork.on(redis.url);
    const { commands } = await work.of(async () => {
      await consume();
      await eventually(async () => expect((await queues.summary('first')).counts).toMatchObject({ completed: 150 }));
    });
    work.close();
    const beats = commands.filter(({ argv }) => argv.includes(home));
    expect(beats.length).toBeGreaterThan(3);
    for (const { commands: inner, elements } of beats) {
      expect(inner).toBeLessThanOrEqual(boundedWork.commands);
      expect(elements).toBeLessThanOrEqual(boundedWork.elements);
    }
    expect(await redis.command('ZSCORE', `${home}hf:presence`, 'hf1500.dead')).toBeNull();
  });

  it('goes on for the others when one of its consumers ends, and ends with the last one', async () => {
    await consume();
    await eventually(async () => expect(await redis.command('ZCARD', `${home}hf:presence`)).toBe(1));
    const [first, ...others] = consumers;
    await first?.close({ timeoutMs: 3000 });
    await eventually(async () => {
      const [served] = (await redis.command('HVALS', `${home}hf:serves`)) as string[];
      expect(served?.split(' ').toSorted()).toEqual(['second', 'third']);
    });
    expect(await queues.summary('first')).toMatchObject({ workers: 0 });
    await Promise.all(others.map(async (consumer) => consumer.close({ timeoutMs: 3000 })));
    expect(await redis.command('EXISTS', `${home}hf:presence`, `${home}hf:serves`)).toBe(0);
  });
});

describe('in a cluster, where each queue has a slot of its own, the presence', () => {
  it('is one of each queue, over the same connections', async () => {
    const cluster = await startCluster();
    const backend = createRedisBackend({ target: { kind: 'cluster', nodes: cluster.addresses } });
    const queues = new Queues({ backend, definitions });
    const consumers = definitions.map((definition) => new Consumer({ backend, definition, handler: () => undefined }));
    await Promise.all(consumers.map(async (consumer) => consumer.start()));
    for (const { name } of definitions) {
      await eventually(async () => expect(await queues.summary(name)).toMatchObject({ workers: 1 }));
    }
    for (const node of cluster.nodes) {
      const clients = String(await node.command('CLIENT', 'LIST'));
      expect((clients.match(/ name=holdfast:beat:commands\b/g) ?? []).length).toBeLessThanOrEqual(1);
    }
    await Promise.all(consumers.map(async (consumer) => consumer.close({ timeoutMs: 3000 })));
    await queues.close();
    await cluster.stop();
  });
});
