import {
  anything,
  callback,
  checkOption,
  checkOptions,
  checkTarget,
  list,
  milliseconds,
  type OptionRule,
  type OptionRules,
  text,
  wholeNumber,
} from '@holdfast/redis-core';
import type { EmbeddedBackendOptions } from './backends/embedded.ts';
import type { RedisBackendOptions } from './backends/redis.ts';
import type { ConsumerTuning } from './consuming/tuning.ts';
import type { ConsumerOptions } from './consumer.ts';
import { maxBatchJobs } from './limits.ts';
import type { OutboxOptions } from './outbox/outbox-options.ts';
import type { GetOptions, QueuesOptions } from './queues.ts';
import type { RetentionSweeperOptions } from './retention/retention-sweeper.ts';

/** What the options of this package may be, by their names. All functions throw OptionInvalidError. */

const queues: OptionRules<QueuesOptions> = {
  backend: anything,
  definitions: list,
  disabled: list,
  outbox: anything,
  addBatchSize: wholeNumber(1, maxBatchJobs),
};

export function checkQueuesOptions(options: QueuesOptions): void {
  checkOptions('Queues', options, queues);
}

const get: OptionRules<GetOptions> = { waitMs: wholeNumber(0), signal: anything };

export function checkGetOptions(options: GetOptions): void {
  checkOptions('get', options, get);
}

const consumer: OptionRules<ConsumerOptions> = {
  backend: anything,
  definition: anything,
  handler: anything,
  concurrency: wholeNumber(1, 1000),
  permits: anything,
  tuning: anything,
  onGivenUp: callback,
  mayBlock: callback,
};
const seconds: OptionRule = {
  must: 'must be a number of seconds above 0',
  allows: (value) => typeof value === 'number' && value > 0 && Number.isFinite(value),
};
const tuning: OptionRules<ConsumerTuning> = {
  presence: anything,
  blockSeconds: seconds,
  stalledIntervalMs: milliseconds(1),
};
const presence: OptionRules<ConsumerTuning['presence']> = { heartbeatMs: milliseconds(1), ttlMs: milliseconds(1) };

export function checkConsumerOptions(options: ConsumerOptions): void {
  checkOptions('Consumer', options, consumer);
  if (options.tuning === undefined) return;
  checkOptions('the tuning of Consumer', options.tuning, tuning);
  checkOptions('the presence of Consumer', options.tuning.presence, presence);
}

const maximum: OptionRule = {
  must: 'must be a whole number of at least 1, or Infinity',
  allows: (value) => value === Number.POSITIVE_INFINITY || wholeNumber(1).allows(value),
};

export function checkPermits(given: number): void {
  checkOption('Permits', 'maximum', given, maximum);
}

const redisBackend: OptionRules<RedisBackendOptions> = {
  target: anything,
  keyPrefix: text,
  connectionTimeoutMs: milliseconds(1),
  commandTimeoutMs: milliseconds(1),
};

export function checkRedisBackendOptions(options: RedisBackendOptions): void {
  checkOptions('createRedisBackend', options, redisBackend);
  checkTarget(options.target);
}

const embeddedBackend: OptionRules<EmbeddedBackendOptions> = { directory: text, definitions: list };

export function checkEmbeddedBackendOptions(options: EmbeddedBackendOptions): void {
  checkOptions('createEmbeddedBackend', options, embeddedBackend);
}

const outbox: OptionRules<OutboxOptions> = {
  folder: anything,
  maxBytes: wholeNumber(1),
  maxJobs: wholeNumber(1),
  minFreeBytes: wholeNumber(0),
  patienceMs: milliseconds(),
};

export function checkOutboxOptions(options: OutboxOptions): void {
  checkOptions('openOutbox', options, outbox);
}

const sweeper: OptionRules<RetentionSweeperOptions> = {
  backend: anything,
  definitions: list,
  intervalMs: milliseconds(1),
};

export function checkRetentionSweeperOptions(options: RetentionSweeperOptions): void {
  checkOptions('RetentionSweeper', options, sweeper);
}
