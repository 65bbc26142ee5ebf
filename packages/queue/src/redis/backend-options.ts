import {
  anything,
  checkOptions,
  checkTarget,
  milliseconds,
  OptionInvalidError,
  type OptionRules,
  type RedisTarget,
  text,
} from '@holdfast/redis-core';

export interface RedisBackendOptions {
  /** One Redis, one behind sentinels, or a cluster; over TLS where it says so. */
  readonly target: RedisTarget;
  /** What all keys start with, without braces. Default `holdfast:jobs`. */
  readonly keyPrefix?: string;
  /**
   * BullMQ's own `prefix`, such as `bull`, instead of `keyPrefix`: for queues that programs with BullMQ alone made or use,
   * whose keys are `<prefix>:<queue>:<what>`. In a cluster it must have a hash tag, such as `{bull}`: then all queues are in
   * one slot.
   */
  readonly prefix?: string;
  /** Default 10 000. */
  readonly connectionTimeoutMs?: number;
  /** The deadline of each call. Default 5 000. */
  readonly commandTimeoutMs?: number;
  /** How often it is looked whether the server was emptied, one command each (in a cluster one a queue). Default 15 000. */
  readonly lossCheckIntervalMs?: number;
}

const redisBackend: OptionRules<RedisBackendOptions> = {
  target: anything,
  keyPrefix: text,
  prefix: { must: 'must be a text that is not empty', allows: (value) => typeof value === 'string' && value !== '' },
  connectionTimeoutMs: milliseconds(1),
  commandTimeoutMs: milliseconds(1),
  lossCheckIntervalMs: milliseconds(1),
};

/** @throws OptionInvalidError naming the option that is not allowed */
export function checkRedisBackendOptions(options: RedisBackendOptions): void {
  checkOptions('createRedisBackend', options, redisBackend);
  checkTarget(options.target);
  const { prefix, keyPrefix, target } = options;
  if (prefix === undefined) return;
  if (keyPrefix !== undefined)
    throw new OptionInvalidError('createRedisBackend', 'prefix', 'must not be given with keyPrefix');
  if (target.kind === 'cluster' && !/^[^{]*\{[^}]+\}/.test(prefix)) {
    // Without one, BullMQ's scripts would get keys of many slots.
    throw new OptionInvalidError(
      'createRedisBackend',
      'prefix',
      `must have a hash tag in a cluster, such as {${prefix}}`,
    );
  }
}
