import { uniquePrefix, useRedis } from '@holdfast/testing';
import { createRedisBackend } from '../src/index.ts';
import { describeQueueBackend } from './describe-queue-backend.ts';

const { host, port, db } = useRedis();

describeQueueBackend('redis', async () =>
  createRedisBackend({ target: { kind: 'standalone', host, port, db: db ?? 0 }, keyPrefix: uniquePrefix('jobs') }),
);
