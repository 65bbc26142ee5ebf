import type { BaseConfig } from '@holdfast/config';

/** Otherwise a frozen Redis is noticed within a second, for up to 120 commands a minute and connection. */
const probeIntervalMs = 20_000;

/** What WORKER_PROFILE means for the rest of the process, besides its consumers. */
export function withProfile<Config extends BaseConfig>(config: Config): Config {
  if (config.worker.profile === 'default') return config;
  const { redis } = config;
  return {
    ...config,
    redis: {
      ...redis,
      cache: { ...redis.cache, probeIntervalMs },
      durable: { ...redis.durable, probeIntervalMs },
    },
  };
}
