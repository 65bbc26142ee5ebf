import { setTimeout as delay } from 'node:timers/promises';
import { eventually, FaultProxy, spawnNode, startRedis, type RedisServer, type SpawnedNode } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Consumer, createRedisBackend } from '../../src/index.ts';
import { definition, temporaryFolder } from './fixture.ts';

const service = new URL('../fixtures/outbox-process.ts', import.meta.url);
/** Lives of the service. `OUTBOX_LIVES=100` for whoever changes the outbox. */
const lives = Number(process.env['OUTBOX_LIVES'] ?? 4);

describe('a service that is killed again and again, with a network that fails', () => {
  let redis: RedisServer;
  let proxy: FaultProxy;
  const folder = temporaryFolder();

  beforeAll(async () => {
    redis = await startRedis();
    proxy = await FaultProxy.listen({ host: '127.0.0.1', port: redis.port });
  });
  afterAll(async () => {
    await proxy.close();
    await redis.stop();
    folder.remove();
  });

  it('runs each job that it acknowledged, and none twice', { timeout: 120_000 + lives * 10_000 }, async () => {
    const runs = new Map<string, number>();
    const target = { kind: 'standalone', host: '127.0.0.1', port: redis.port } as const;
    const backend = createRedisBackend({ target });
    const handle = backend.open('parcels');
    const consumer = new Consumer({
      backend,
      definition: { ...definition, concurrency: 50 },
      handler: async ({ id }) => void runs.set(id, (runs.get(id) ?? 0) + 1),
    });
    await consumer.start();
    // Redis, and those who work on its jobs, are well: it is the service that dies, and the network to it.
    const acknowledged: string[] = [];
    let inherited = 0;
    const live = async (life: number, callers: number): Promise<number> => {
      const process = spawnNode(service, { args: [folder.path, String(proxy.port), `life-${life}`, String(callers)] });
      const [, waiting = ''] = await process.waitForLine(/^ready (\d+)$/);
      try {
        if (callers > 0) {
          await misfortunes(proxy);
          // The first life ends while Redis is out of reach, and leaves what it took then.
          if (life === 1) await takenAway(process);
        } else await process.waitForLine(/^empty 0$/);
      } finally {
        await process.kill('SIGKILL');
        acknowledged.push(...process.lines.flatMap((line) => /^acknowledged (\S+)$/.exec(line)?.[1] ?? []));
      }
      return Number(waiting);
    };
    const takenAway = async ({ lines }: SpawnedNode): Promise<void> => {
      proxy.refuse();
      const before = lines.length;
      await eventually(() =>
        expect(lines.slice(before).filter((line) => line.startsWith('ack')).length).toBeGreaterThan(16),
      );
    };
    for (let life = 1; life <= lives; life += 1) {
      inherited += await live(life, 16);
    }
    proxy.pass();
    inherited += await live(0, 0);
    await eventually(() => expect(acknowledged.filter((id) => !runs.has(id))).toEqual([]));
    await eventually(async () => expect((await handle.read()).counts).toMatchObject({ prioritized: 0, active: 0 }));
    expect([...runs].filter(([, count]) => count > 1)).toEqual([]);
    // Otherwise nothing was shown.
    expect(acknowledged.length).toBeGreaterThan(lives);
    expect(inherited).toBeGreaterThan(0);
    await consumer.close({ timeoutMs: 2000 });
    await backend.close();
  });
});

/** Answers get lost, connections too, and all of it at moments that nobody chose. */
async function misfortunes(proxy: FaultProxy): Promise<void> {
  const soon = async (): Promise<void> => delay(Math.random() * 150);
  proxy.pass();
  await soon();
  for (let n = 0; n < 3; n += 1) {
    void proxy.cutBeforeReply({ matching: 'evalsha' });
    await soon();
  }
  proxy.refuse();
  await delay(100);
  await soon();
  if (Math.random() < 0.8) {
    proxy.pass();
    await soon();
  }
}
