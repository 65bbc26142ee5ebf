import { eventually, Latch, startRedis, type RedisServer } from '@holdfast/testing';
import { setTimeout as delay } from 'node:timers/promises';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  Consumer,
  createRedisBackend,
  defineQueue,
  Queues,
  type Handler,
  type QueueDefinition,
} from '../../src/index.ts';

const definitionOf = (name: string): QueueDefinition =>
  defineQueue({
    name,
    description: 'One of two whose workers share a connection.',
    payload: Type.Object({}),
    attempts: 1,
    timeoutMs: 60_000,
    concurrency: 1,
    retention: { completed: {}, failed: {} },
  });
const [closed, stays] = [definitionOf('closed'), definitionOf('stays')];

describe('a worker that was closed while its Redis hung', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  it('hands back the job that a late answer brings, over the connection that others go on with', async () => {
    const backend = createRedisBackend({ target: { kind: 'standalone', host: redis.host, port: redis.port } });
    const queues = new Queues({ backend, definitions: [closed, stays] });
    const ran: string[] = [];
    const door = new Latch();
    const consume = async (definition: QueueDefinition, by: string): Promise<Consumer> => {
      const handler: Handler = async (job) => {
        ran.push(`${by} ${job.id}`);
        await door.wait();
      };
      const consumer = new Consumer({ backend, definition, handler });
      await consumer.start();
      return consumer;
    };
    const first = await consume(closed, 'first');
    const other = await consume(stays, 'other');
    await queues.add('closed', { data: {}, options: { jobId: 'job-1' } });
    await queues.add('closed', { data: {}, options: { jobId: 'job-2' } });
    await eventually(() => expect(ran).toEqual(['first job-1']));
    // From here on Redis carries out no script, until it goes on with all that has come.
    await redis.command('CLIENT', 'PAUSE', '60000', 'WRITE');
    // The end of a job asks for the next one.
    door.open();
    await delay(200);
    await first.close({ timeoutMs: 500 });
    await redis.command('CLIENT', 'UNPAUSE');
    await eventually(async () => expect(await queues.get('closed', 'job-1')).toMatchObject({ state: 'completed' }));
    const second = await consume(closed, 'second');
    await eventually(async () => expect(await queues.get('closed', 'job-2')).toMatchObject({ state: 'completed' }), {
      timeoutMs: 60_000,
    });
    expect(ran).toEqual(['first job-1', 'second job-2']);
    expect(await redis.command('HGET', 'holdfast:jobs:{closed}:closed:job-2', 'hf:crashes')).toBeNull();
    await Promise.all([second, other].map(async (consumer) => consumer.close({ timeoutMs: 3000 })));
    await queues.close();
  }, 120_000);
});
