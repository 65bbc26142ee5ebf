import { startRedis, type RedisServer } from '@holdfast/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRedisBackend } from '../../src/index.ts';
import type { QueueBackend } from '../../src/index.ts';
import { EpochWatch } from '../../src/redis/epoch-watch.ts';
import type { RedisQueueHandle } from '../../src/redis/queue-handle.ts';

const home = 'holdfast:jobs:{workers}:';

describe('a Redis that is emptied while its connections stay', () => {
  let redis: RedisServer;
  const backends: QueueBackend[] = [];

  beforeEach(async () => {
    redis = await startRedis();
  });
  afterEach(async () => {
    await Promise.all(backends.splice(0).map(async (backend) => backend.close()));
    await redis.stop();
  });

  /** As in a process of its own. */
  const watch = (): { readonly epochs: EpochWatch; readonly losses: () => number } => {
    const backend = createRedisBackend({ target: { kind: 'standalone', host: '127.0.0.1', port: redis.port } });
    backends.push(backend);
    const handle = backend.open('any') as RedisQueueHandle;
    const epochs = new EpochWatch(() => [{ name: home, ask: async (...args) => handle.epoch(home, ...args) }], 15_000);
    let losses = 0;
    epochs.onLoss(() => (losses += 1));
    return { epochs, losses: () => losses };
  };

  it('is noticed by each process, once each time, and told to those that come later', async () => {
    const [one, other] = [watch(), watch()];
    for (const { epochs } of [one, other]) expect(await epochs.look()).toBe(true);
    for (const { epochs } of [one, other]) await epochs.look();
    expect([one.losses(), other.losses(), one.epochs.emptiedAt]).toEqual([0, 0, undefined]);
    for (const times of [1, 2]) {
      await redis.command('FLUSHALL');
      for (const { epochs } of [one, other, one, other]) await epochs.look();
      expect([one.losses(), other.losses()]).toEqual([times, times]);
    }
    const late = watch();
    await late.epochs.look();
    expect(late.losses()).toBe(0);
    expect(late.epochs.emptiedAt).toBe(one.epochs.emptiedAt);
    expect(late.epochs.emptiedAt).toBeGreaterThan(0);
  });

  it('costs one command a look', async () => {
    const { epochs } = watch();
    await epochs.look();
    const calls = async (): Promise<number> =>
      Number(/total_commands_processed:(\d+)/.exec(String(await redis.command('INFO', 'stats')))?.[1]);
    const before = await calls();
    const own = (await calls()) - before;
    await epochs.look();
    expect((await calls()) - before - 2 * own).toBe(2);
  });

  it('is asked again soon where it could not be asked', async () => {
    const { epochs, losses } = watch();
    await epochs.look();
    await redis.kill();
    expect(await epochs.look()).toBe(false);
    expect(losses()).toBe(0);
    await redis.start();
  });
});
