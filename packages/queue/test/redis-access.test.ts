import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { eventually, startRedis, type RedisServer } from '@holdfast/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Type } from 'typebox';
import { createRedisBackend, defineQueue, Queues, type QueueAvailabilityEvent } from '../src/index.ts';

const definition = defineQueue({
  name: 'guarded',
  description: 'For the tests of access.',
  payload: Type.Object({}),
  attempts: 1,
  timeoutMs: 10_000,
  retention: { completed: {}, failed: {} },
  concurrency: 1,
});
const password = 'p@ss/w:rd';

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis({ args: ['--requirepass', 'right'] });
});
afterAll(() => redis.stop());

it('a queue whose Redis refuses the password says so once, as what it is, and is there as soon as it is let in', async () => {
  const events: QueueAvailabilityEvent[] = [];
  const listen = (event: unknown): void => void events.push(event as QueueAvailabilityEvent);
  subscribe('holdfast:queue:availability', listen);
  const backend = createRedisBackend({
    target: { kind: 'standalone', host: redis.host, port: redis.port, username: 'app', password },
  });
  const queues = new Queues({ backend, definitions: [definition] });
  const address = `redis://${redis.host}:${redis.port}`;
  const refused = {
    available: false,
    reason: `${address} refuses the configured user or password (WRONGPASS): correct them`,
    fault: 'password-refused',
  };
  try {
    await eventually(() => expect(backend.status).toEqual({ ...refused, neverConnected: true }));
    await expect(queues.add('guarded', { data: {} })).rejects.toMatchObject({
      code: 'QUEUE_UNAVAILABLE',
      message: expect.stringContaining(refused.reason) as unknown,
    });
    const refusals = async (): Promise<number> =>
      Number(/errorstat_WRONGPASS:count=(\d+)/.exec(String(await redis.command('INFO', 'errorstats')))?.[1]);
    await eventually(async () => expect(await refusals()).toBeGreaterThan(3));
    expect(events).toEqual([{ ...refused, address }]);

    await redis.command('ACL', 'SETUSER', 'app', 'on', `>${password}`, '+@all', '~*', '&*');
    await eventually(() => expect(backend.status).toEqual({ available: true }));
    expect(await queues.add('guarded', { data: {} })).toMatchObject({ duplicate: false });

    await redis.command('ACL', 'DELUSER', 'app');
    await eventually(() => expect(backend.status).toEqual(refused));
    expect(events.at(-1)).toEqual({ ...refused, address });
  } finally {
    unsubscribe('holdfast:queue:availability', listen);
    await queues.close();
  }
});
