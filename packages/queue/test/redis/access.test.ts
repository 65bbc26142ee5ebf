import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { eventually, PlainRedis, startRedis, startTlsRedis, type RedisServer } from '@holdfast/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Type } from 'typebox';
import { createRedisBackend, defineQueue, Queues, type QueueAvailabilityEvent } from '../../src/index.ts';

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

it('a queue whose Redis takes no more clients, or whose own key does not fit its certificate, says so', async () => {
  const [full, tls] = await Promise.all([startRedis(), startTlsRedis()]);
  const { ca, client, server } = tls.certificates;
  const holder = await PlainRedis.connect(full.url);
  await holder.send('CONFIG', 'SET', 'maxclients', '1');
  const wrongKey = { ca, serverName: tls.serverName, cert: client.cert, key: server.key };
  const targets = [
    ['full', { kind: 'standalone', host: full.host, port: full.port }],
    ['certificate', { kind: 'standalone', host: tls.host, port: tls.port, tls: wrongKey }],
  ] as const;
  try {
    for (const [fault, target] of targets) {
      const backend = createRedisBackend({ target });
      const queues = new Queues({ backend, definitions: [definition] });
      try {
        await eventually(() => expect(backend.status).toMatchObject({ available: false, fault }));
      } finally {
        await queues.close();
      }
    }
  } finally {
    holder.close();
    await Promise.all([full.stop(), tls.stop()]);
  }
});
