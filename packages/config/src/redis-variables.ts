import { profiles } from './profile.ts';
import { certificates, privateKey } from './pem.ts';
import { redisUrl } from './redis-url.ts';
import type { RedisAddress } from './redis-url.ts';
import { bearerToken, password } from './secret-types.ts';
import {
  baseUrl,
  boolean,
  hostList,
  hostName,
  integer,
  matching,
  milliseconds,
  oneOf,
  text,
  type ValueType,
} from './value-types.ts';
import { groups, optional, withDefault } from './variable.ts';

const redisAddress: ValueType<RedisAddress> = redisUrl;

/** How Redis is reached, and what happens when it is not. */
export const redisVariables = {
  REDIS_URL: optional(
    groups.redis,
    redisAddress,
    'The Redis, with user, password and database where needed. Wins over a REST URL and over REDIS_HOST.',
    { secret: true, example: 'redis://localhost:6379' },
  ),
  QUEUE_REDIS_URL: optional(
    groups.redis,
    redisAddress,
    'The durable Redis (`noeviction`, AOF), which holds the queues. A second instance in production.',
    { secret: true, fallbackNote: 'the same Redis', example: 'redis://localhost:6380' },
  ),
  REDIS_HOST: optional(groups.redis, hostName, 'Host of the Redis, instead of REDIS_URL.', { example: 'localhost' }),
  REDIS_PORT: optional(groups.redis, integer(1, 65_535), 'Port of REDIS_HOST.', {
    fallbackNote: '`6379`',
    example: '6379',
  }),
  REDIS_USERNAME: optional(
    groups.redis,
    text,
    'ACL user, for every topology. With REDIS_URL only where that names none.',
    {
      fallbackNote: 'the default user',
      example: 'holdfast',
    },
  ),
  REDIS_PASSWORD: optional(
    groups.redis,
    password,
    'Password, for every topology. With REDIS_URL only where that has none.',
    {
      secret: true,
      example: 'change-me',
    },
  ),
  REDIS_DB: optional(groups.redis, integer(0, 65_535), 'Database number. 0 in a cluster.', {
    fallbackNote: '`0`',
    example: '0',
  }),
  REDIS_SENTINELS: optional(groups.redis, hostList(26_379), 'Sentinels that know the master, instead of REDIS_URL.', {
    example: 'sentinel-1:26379,sentinel-2:26379,sentinel-3:26379',
  }),
  REDIS_SENTINEL_NAME: optional(groups.redis, text, 'Name of the master that the sentinels watch.', {
    fallbackNote: '`mymaster`',
    example: 'mymaster',
  }),
  REDIS_SENTINEL_PASSWORD: optional(groups.redis, password, 'Password of the sentinels themselves.', {
    secret: true,
    example: 'change-me',
  }),
  REDIS_CLUSTER_NODES: optional(groups.redis, hostList(6379), 'Some nodes of a Redis Cluster, instead of REDIS_URL.', {
    example: 'redis-1:6379,redis-2:6379,redis-3:6379',
  }),
  REDIS_KEY_PREFIX: withDefault(
    groups.redis,
    matching('key prefix', /^[A-Za-z0-9._-]{1,64}$/, '1 to 64 letters, digits, ".", "_" or "-"'),
    'holdfast',
    'First part of every key, so that several installations can share a Redis.',
  ),
  QUEUE_PREFIX: optional(
    groups.redis,
    matching('BullMQ prefix', /^[A-Za-z0-9._{}:-]{1,128}$/, '1 to 128 letters, digits, ".", "_", "-", ":", "{" or "}"'),
    'BullMQ’s own `prefix` of the queues, such as `bull`: adopts queues that programs with BullMQ alone have made, or shares them. Their keys are then `<prefix>:<queue>:…`. In a cluster with a hash tag, such as `{bull}`.',
    { fallbackNote: '`<REDIS_KEY_PREFIX>:jobs:{<queue>}`', example: 'bull' },
  ),

  REDIS_TLS: optional(
    groups.tls,
    boolean,
    'Whether to use TLS with REDIS_HOST, sentinels or a cluster. With REDIS_URL the scheme says it (`rediss:`).',
    { fallbackNote: '`false`', example: 'true' },
  ),
  REDIS_TLS_CA: optional(
    groups.tls,
    certificates,
    'Certificates of the authorities to trust, instead of the system’s.',
    {
      secret: true,
    },
  ),
  REDIS_TLS_CERT: optional(groups.tls, certificates, 'Client certificate.', { secret: true }),
  REDIS_TLS_KEY: optional(groups.tls, privateKey, 'Key of the client certificate.', { secret: true }),
  REDIS_TLS_SERVERNAME: optional(groups.tls, hostName, 'Name to ask for (SNI) and to verify.', {
    fallbackNote: 'the host that is connected to',
    example: 'redis.example.com',
  }),
  REDIS_TLS_REJECT_UNAUTHORIZED: optional(
    groups.tls,
    boolean,
    'Whether to refuse a server whose certificate cannot be verified. `false` is for development only and is warned about.',
    { fallbackNote: '`true`', example: 'true' },
  ),

  UPSTASH_REDIS_REST_URL: optional(
    groups.upstash,
    baseUrl,
    'REST address of the database. Used where no Redis is configured.',
    {
      example: 'https://example.upstash.io',
    },
  ),
  UPSTASH_REDIS_REST_TOKEN: optional(
    groups.upstash,
    bearerToken,
    'Its token; also the password of the queue’s connection.',
    {
      secret: true,
      example: 'change-me',
    },
  ),
  REDIS_REST_URL: optional(groups.upstash, baseUrl, 'Another name of UPSTASH_REDIS_REST_URL.', {
    example: 'https://example.upstash.io',
  }),
  REDIS_REST_TOKEN: optional(groups.upstash, bearerToken, 'Another name of UPSTASH_REDIS_REST_TOKEN.', {
    secret: true,
    example: 'change-me',
  }),

  HOLDFAST_PROFILE: optional(
    groups.resilience,
    oneOf(profiles),
    'What an idle process costs its Redis, against how soon it notices. `low-cost` sends at most 20 commands a minute from an API process and 10 a queue from a worker; while no call waits for Redis, an outage or a lost invalidation is then noticed within 15 s instead of one, and the jobs of a worker that died run again within 90 s instead of 10.',
    { fallbackNote: '`low-cost` in upstash mode, otherwise `default`', example: 'low-cost' },
  ),
  REDIS_ENABLE_FALLBACK: withDefault(
    groups.resilience,
    boolean,
    'true',
    'Whether to go on without Redis, degraded. `false`: an outage answers 503, and a start without Redis fails.',
  ),
  REDIS_CONNECTION_TIMEOUT_MS: withDefault(
    groups.resilience,
    milliseconds(100, 300_000),
    '10000',
    'How long an attempt to connect may take.',
  ),
  REDIS_COMMAND_TIMEOUT_MS: withDefault(
    groups.resilience,
    milliseconds(10, 300_000),
    '5000',
    'Deadline of a command, retries included.',
  ),
  REDIS_RETRY_ATTEMPTS: withDefault(
    groups.resilience,
    integer(0, 20),
    '3',
    'How often an idempotent command is tried again within its deadline.',
  ),
  REDIS_RETRY_DELAY_MS: withDefault(
    groups.resilience,
    milliseconds(1, 60_000),
    '1000',
    'The longest wait between two tries.',
  ),
  REDIS_PROBE_INTERVAL_MS: withDefault(
    groups.resilience,
    milliseconds(0, 60_000),
    '250',
    'A connection that has been silent for so long is asked for its TIME, so that a frozen Redis is noticed; one that nobody uses, and that tracks no reads, every 5 s (every 13 s in the profile `low-cost`, also where it tracks reads). 0: never, then time-outs have to tell.',
  ),
  REDIS_PROBE_DEADLINE_MS: withDefault(
    groups.resilience,
    milliseconds(50, 60_000),
    '400',
    'How long Redis may take to answer that before it is taken for away.',
  ),

  CACHE_TRACKING: withDefault(
    groups.cache,
    boolean,
    'true',
    'Whether Redis reports changes of what this process keeps (`CLIENT TRACKING`, standalone and Sentinel). `false` saves the second connection; entries are then kept for `cache.l1.maxStale`.',
  ),
} as const;
