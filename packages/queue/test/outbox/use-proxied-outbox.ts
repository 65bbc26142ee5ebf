import { eventually, FaultProxy, startRedis, type RedisServer } from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import type { AddResult } from '../../src/index.ts';
import { openQueues, temporaryFolder, type Folder, type OpenedOutbox, type OpenOptions } from './fixture.ts';

export const keysOfQueue = 'holdfast:jobs:{parcels}:parcels:';

/** Queues with an outbox in a folder of their own, and a Redis that a proxy can take away; new for each test of a file. */
export function useProxiedOutbox() {
  let redis: RedisServer;
  let proxy: FaultProxy;
  let folder: Folder;
  let opened: OpenedOutbox | undefined;

  beforeAll(async () => {
    redis = await startRedis();
    proxy = await FaultProxy.listen(redis);
  });
  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(async () => {
    redis.resume();
    proxy.pass();
    await opened?.queues.close();
    opened = undefined;
    folder.remove();
    await redis.command('FLUSHALL');
  });
  afterAll(async () => {
    await proxy.close();
    await redis.stop();
  });

  const current = (): OpenedOutbox => {
    if (opened === undefined) throw new Error('Nothing was opened.');
    return opened;
  };
  return {
    get redis() {
      return redis;
    },
    get proxy() {
      return proxy;
    },
    get folder() {
      return folder;
    },
    get opened() {
      return current();
    },
    open: async (options: Partial<OpenOptions> = {}): Promise<OpenedOutbox> => {
      opened = await openQueues({ directory: folder.path, port: proxy.port, ...options });
      return opened;
    },
    add: async (jobId: string): Promise<AddResult> =>
      current().queues.add('parcels', { data: { n: 1 }, options: { jobId } }),
    /** Until all that was in the outbox is in Redis. */
    empty: async (): Promise<void> => {
      await eventually(() => expect(current().outbox.status).toMatchObject({ waiting: 0, setAside: 0 }));
    },
  };
}
