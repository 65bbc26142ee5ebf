import { uniquePrefix, useRedis } from '@holdfast/testing';
import { createRedisBackend, type QueueBackend } from '../../src/index.ts';
import { describeQueueBackend } from '../port/describe-queue-backend.ts';
import { describeAddMany } from '../producing/describe-add-many.ts';
import { describeAddingOnce } from '../producing/describe-adding-once.ts';
import { describeCoalescing } from '../producing/describe-coalescing.ts';
import { describeDeduplication } from '../producing/describe-deduplication.ts';
import { describeSchedules } from '../schedules/describe-schedules.ts';

const { host, port, db } = useRedis();

const create = async (): Promise<QueueBackend> =>
  createRedisBackend({ target: { kind: 'standalone', host, port, db: db ?? 0 }, keyPrefix: uniquePrefix('jobs') });

describeQueueBackend('redis', create);
describeAddingOnce('redis', create);
describeAddMany('redis', create);
describeDeduplication('redis', create);
describeCoalescing('redis', create);
describeSchedules('redis', create);
