import { eventually, startRedis, type RedisServer } from '@holdfast/testing';
import { Type } from 'typebox';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { defineQueue, type QueueDefinition } from '../../src/index.ts';
import { definition, openFileHere, openQueues, temporaryFolder, type Folder, type OpenedOutbox } from './fixture.ts';

const day = 24 * 60 * 60 * 1000;

describe('entries of the outbox that cannot be forwarded', () => {
  let redis: RedisServer;
  let folder: Folder;
  let opened: OpenedOutbox | undefined;

  const open = async (definitions: readonly QueueDefinition[] = [definition]): Promise<OpenedOutbox> =>
    (opened = await openQueues({ directory: folder.path, port: redis.port, definitions }));
  /** What an earlier process left behind. */
  const leave = async (
    ...entries: { id: string; queue?: string; data?: unknown; sentAt?: number }[]
  ): Promise<void> => {
    const { file, close } = openFileHere(folder.path);
    await file.insert(
      entries.map(({ id, queue = 'parcels', data = { n: 1 }, ...sent }) => {
        const job = { data, options: { jobId: id } };
        return { queue, id, token: `call-${id}`, body: JSON.stringify(job), acceptedAt: Date.now(), ...sent };
      }),
      0,
    );
    close();
  };
  const exists = async (id: string): Promise<unknown> =>
    redis.command('EXISTS', `holdfast:jobs:{parcels}:parcels:${id}`);
  const settled = async (setAside: number): Promise<void> =>
    eventually(() => expect(opened?.outbox.status).toMatchObject({ waiting: 0, setAside }));

  beforeAll(async () => {
    redis = await startRedis();
  });
  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(async () => {
    await opened?.queues.close();
    opened = undefined;
    folder.remove();
    await redis.command('FLUSHALL');
  });
  afterAll(async () => redis.stop());

  it('are set aside with the reason, those behind them go on, and they are tried again at the next start', async () => {
    await leave({ id: 'odd', data: { n: 'one' } }, { id: 'lost', queue: 'letters' }, { id: 'good' });
    const { queues, outbox } = await open();
    await settled(2);
    expect(await exists('good')).toBe(1);
    expect(await queues.get('parcels', 'odd')).toMatchObject({
      state: 'outbox',
      data: { n: 'one' },
      error: { code: 'JOB_INVALID', message: expect.stringMatching(/must be integer/) as unknown },
    });
    expect(outbox.status.oldestAgeMs).toBe(0);
    expect(await outbox.setAside()).toMatchObject([{ id: 'odd' }, { id: 'lost', queue: 'letters' }]);
    await queues.close();

    const letters = defineQueue({ ...definition, name: 'letters' });
    const lenient = defineQueue({ ...definition, payload: Type.Object({ n: Type.Unknown() }) });
    await open([lenient, letters]);
    await settled(0);
    expect(await exists('odd')).toBe(1);
    expect(await redis.command('EXISTS', 'holdfast:jobs:{letters}:letters:lost')).toBe(1);
  });

  it('are gone when somebody said so', async () => {
    await leave({ id: 'odd', data: { n: 'one' } });
    const { outbox } = await open();
    await settled(1);
    expect(await outbox.discardSetAside()).toBe(1);
    expect(outbox.status).toMatchObject({ waiting: 0, setAside: 0, bytes: 0 });
  });

  it('can be removed or tried again one by one', async () => {
    await leave({ id: 'odd', data: { n: 'one' } }, { id: 'lost', queue: 'letters' });
    const { queues, outbox } = await open([definition, defineQueue({ ...definition, name: 'other' })]);
    await settled(2);
    expect(await queues.admin.retry('parcels', 'odd')).toBe(true);
    await settled(2);
    expect(await queues.admin.remove('parcels', 'odd')).toBe(true);
    expect(await queues.admin.remove('parcels', 'odd')).toBe(false);
    expect(await outbox.setAside()).toMatchObject([{ id: 'lost' }]);
  });

  it('do not hold up the others when Redis refuses them for a reason of its own', async () => {
    // Something else lies where its marker has to go.
    await redis.command('SADD', 'holdfast:jobs:{parcels}:parcels:once:call-refused', 'x');
    await leave({ id: 'refused' }, { id: 'behind-1' }, { id: 'behind-2' });
    const { queues } = await open();
    await settled(1);
    expect(await exists('behind-2')).toBe(1);
    expect(await queues.get('parcels', 'refused')).toMatchObject({
      state: 'outbox',
      error: { message: expect.stringMatching(/WRONGTYPE/) as unknown },
    });
  });

  it('are left to a person when it is too long ago to tell whether they ran', async () => {
    const sentAt = Date.now() - 7.5 * day;
    await redis.command('HSET', 'holdfast:jobs:{parcels}:parcels:there', 'name', 'parcels', 'data', '{}', 'opts', '{}');
    await redis.command('ZADD', 'holdfast:jobs:{parcels}:parcels:completed', '1', 'there');
    await leave(
      { id: 'there', sentAt },
      { id: 'gone', sentAt },
      { id: 'recent', sentAt: Date.now() - 6 * day },
      { id: 'new' },
    );
    const { queues } = await open();
    await settled(1);
    expect(await queues.get('parcels', 'gone')).toMatchObject({ state: 'outbox', error: { code: 'OUTBOX_UNDECIDED' } });
    expect([await exists('gone'), await exists('recent'), await exists('new')]).toEqual([0, 1, 1]);
    await queues.close();
    const { outbox } = await open();
    await settled(1);
    expect(await exists('gone')).toBe(0);
    expect(await outbox.setAside()).toMatchObject([{ id: 'gone', error: { code: 'OUTBOX_UNDECIDED' } }]);
    expect(await outbox.retrySetAside()).toBe(1);
    await settled(0);
    expect(await exists('gone')).toBe(1);
  });
});
