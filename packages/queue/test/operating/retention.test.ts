import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, monitor, uniquePrefix, useRedis } from '@holdfast/testing';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  Consumer,
  createRedisBackend,
  defineQueue,
  PermanentError,
  Queues,
  RetentionSweeper,
} from '../../src/index.ts';
import { createEmbeddedBackend } from '../../src/embedded.ts';
import type { QueueBackend, QueueDefinition, Retention } from '../../src/index.ts';

const queue = (name: string, retention: Retention): QueueDefinition =>
  defineQueue({
    name,
    description: `For the test of retention: ${name}.`,
    payload: Type.Object({ n: Type.Integer() }),
    attempts: 1,
    timeoutMs: 10_000,
    concurrency: 50,
    retention,
  });

/** What the jobs are added with; each test sweeps with rules of its own, as after a change of the configuration. */
const everything = { completed: {}, failed: {} };
const names = ['counted', 'aged', 'many', 'leased', 'idle', 'kept', 'swept'];

describe.each(['redis', 'embedded'])('retention on the %s backend', (kind) => {
  let directory: string;
  let backend: QueueBackend;
  let queues: Queues;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'holdfast-retention-'));
    const { host, port } = useRedis();
    backend =
      kind === 'redis'
        ? createRedisBackend({ target: { kind: 'standalone', host, port }, keyPrefix: uniquePrefix('jobs') })
        : await createEmbeddedBackend({ directory });
    queues = new Queues({ backend, definitions: names.map((name) => queue(name, everything)) });
  });
  afterAll(async () => {
    await queues.close();
    await rm(directory, { recursive: true, force: true });
  });

  /** Jobs 0 to count - 1 in this order; every second one fails. */
  const finish = async (name: string, count: number): Promise<void> => {
    const consumer = new Consumer({
      backend,
      definition: { ...queues.definition(name), concurrency: 1 },
      handler: async ({ data }) => {
        if ((data as { n: number }).n % 2 === 1) throw new PermanentError('odd');
      },
    });
    await consumer.start();
    await queues.addMany(
      name,
      Array.from({ length: count }, (_, n) => ({ data: { n }, options: { jobId: `job-${n}` } })),
    );
    await eventually(async () => {
      const { completed, failed } = (await queues.summary(name)).counts;
      expect(completed + failed).toBe(count);
    });
    await consumer.close({ timeoutMs: 3000 });
  };
  const sweep = async (name: string, retention: Retention): Promise<number> => {
    const sweeper = new RetentionSweeper({ backend, definitions: [queue(name, retention)], intervalMs: 10 });
    return sweeper.sweep();
  };
  const left = async (name: string): Promise<string[]> => {
    const ids = await Promise.all(
      Array.from({ length: 20 }, async (_, n) => ((await queues.get(name, `job-${n}`)) === undefined ? [] : [n])),
    );
    return ids.flat().map(String);
  };

  it('keeps the newest by number, of each outcome, on a queue where nothing happens any more', async () => {
    await finish('counted', 12);
    expect(await sweep('counted', { completed: { count: 2 }, failed: { count: 1 } })).toBe(9);
    expect(await left('counted')).toEqual(['8', '10', '11']);
    expect(await sweep('counted', { completed: { count: 2 }, failed: { count: 1 } })).toBe(0);
  });

  it('removes by age, with logs and all', async () => {
    await finish('aged', 4);
    const rules = (ageMs: number): Retention => ({ completed: { ageMs }, failed: { ageMs: 3_600_000 } });
    expect(await sweep('aged', rules(3_600_000))).toBe(0);
    await eventually(async () => {
      await sweep('aged', rules(1000));
      expect(await left('aged')).toEqual(['1', '3']);
    });
  });

  it('removes a backlog in batches', async () => {
    await finish('many', 600);
    expect(await sweep('many', { completed: { count: 1 }, failed: { count: 1 } })).toBe(598);
  });

  it('keeps everything where there is no rule', async () => {
    await finish('kept', 2);
    expect(await sweep('kept', everything)).toBe(0);
    expect(await left('kept')).toEqual(['0', '1']);
  });

  it('happens by itself once it is started', async () => {
    await finish('swept', 4);
    const definition = queue('swept', { completed: { count: 1 }, failed: { count: 1 } });
    const sweeper = new RetentionSweeper({ backend, definitions: [definition], intervalMs: 30 });
    sweeper.start();
    await eventually(async () => expect(await left('swept')).toEqual(['2', '3']));
    await sweeper.close();
  });

  it.runIf(kind === 'redis')('is the work of one sweeper at a time, and of another one once that is gone', async () => {
    await finish('leased', 4);
    const definition = queue('leased', { completed: { count: 1 }, failed: { count: 1 } });
    const [one, other] = [1, 2].map(
      () => new RetentionSweeper({ backend, definitions: [definition], intervalMs: 1500 }),
    );
    const first = await one?.sweep();
    const handle = backend.open('leased');
    expect(first).toBe(2);
    const order = { sweeper: 'other', leaseMs: 100, limit: 10, retention: definition.retention };
    expect(await handle.changes.sweep(order)).toEqual({ elsewhere: true, removed: 0, more: false });
    await eventually(async () => expect(await handle.changes.sweep(order)).toMatchObject({ elsewhere: false }));
    await Promise.all([one?.close(), other?.close()]);
  });

  it.runIf(kind === 'redis')('costs an idle queue one command', async () => {
    const retention = { completed: { count: 1, ageMs: 1000 }, failed: { count: 1 } };
    await sweep('idle', retention);
    const prefix = backend.prefixOf('idle');
    const seen = await monitor(useRedis().url, { where: ({ argv }) => argv.some((part) => part.includes(prefix)) });
    await sweep('idle', retention);
    await seen.settle();
    expect(seen.commands()).toHaveLength(1);
    await seen.stop();
  });
});
