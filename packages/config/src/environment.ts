import { type ApiKey, apiKeysAllowed, parseApiKeys } from './api-keys.ts';
import { redisUrl } from './redis-url.ts';
import type { RedisAddress } from './redis-url.ts';
import {
  baseUrl,
  boolean,
  hostList,
  hostName,
  integer,
  matching,
  milliseconds,
  names,
  oneOf,
  seconds,
  text,
  ttlSeconds,
  webhookSecret,
  webUrl,
} from './value-types.ts';
import type { ValueType } from './value-types.ts';

export const groups = {
  service: 'Service',
  embedded: 'Modes and data',
  redis: 'Redis',
  tls: 'TLS to Redis',
  upstash: 'Upstash (Redis over REST)',
  resilience: 'Redis: time-outs, retries, fallback',
  cache: 'Cache',
  upstream: 'Upstream API',
  jobs: 'Worker and jobs',
  security: 'Access',
} as const;

export interface Variable<T> {
  readonly group: keyof typeof groups;
  readonly type: ValueType<T>;
  readonly description: string;
  /** As it would be written; `undefined`: none. */
  readonly fallback: string | undefined;
  /** Said in the documentation instead of `fallback`, where the default depends on something. */
  readonly fallbackNote?: string;
  /** Never shown, and may be given in a file named by `<NAME>_FILE`. */
  readonly secret: boolean;
  /** For `.env.example`. */
  readonly example?: string;
}

type Meta = Omit<Variable<unknown>, 'type' | 'group' | 'description' | 'fallback' | 'secret'> & { secret?: boolean };

function optional<T>(
  group: keyof typeof groups,
  type: ValueType<T>,
  description: string,
  meta: Meta = {},
): Variable<T | undefined> {
  return { group, type, description, fallback: undefined, secret: false, ...meta };
}

function withDefault<T>(
  group: keyof typeof groups,
  type: ValueType<T>,
  fallback: string,
  description: string,
  meta: Meta = {},
): Variable<T> {
  return { group, type, description, fallback, secret: false, ...meta };
}

const apiKeys: ValueType<readonly ApiKey[]> = {
  name: 'list of API keys',
  allowed: apiKeysAllowed,
  printable: false,
  parse: parseApiKeys,
};

const redisAddress: ValueType<RedisAddress> = redisUrl;

const pem = matching(
  'PEM text',
  /^-----BEGIN [A-Z0-9 ]+-----[\s\S]+-----END [A-Z0-9 ]+-----\s*$/,
  'PEM text (-----BEGIN …-----); use the _FILE form for a file',
);

/**
 * Every environment variable of Holdfast, declared once: validation, `docs/reference/env.md` and `.env.example` are
 * derived from this table.
 */
export const environment = {
  NODE_ENV: withDefault(
    'service',
    oneOf(['development', 'production', 'test']),
    'development',
    'In production embedded mode must be asked for, see HOLDFAST_EMBEDDED.',
  ),
  PORT: withDefault('service', integer(0, 65_535), '3000', 'Port of the API. 0 takes any free port.'),
  HOST: optional(
    'service',
    hostName,
    'Address that the API binds to. Without API keys only a loopback address is accepted.',
    { fallbackNote: '`127.0.0.1` without API keys, `0.0.0.0` with them', example: '0.0.0.0' },
  ),
  LOG_LEVEL: withDefault(
    'service',
    oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
    'info',
    'The least severe level that is logged.',
  ),
  LOG_FILE: optional('service', text, 'File that logs are appended to (JSON lines) instead of stdout.', {
    example: 'holdfast.log',
  }),
  REQUEST_TIMEOUT: withDefault(
    'service',
    milliseconds(1000, 600_000),
    '45000',
    'How long a request may be worked on before it is answered with 503. `?wait` stays below it, event streams are exempt.',
  ),
  SHUTDOWN_TIMEOUT: withDefault(
    'service',
    milliseconds(0, 600_000),
    '8000',
    'How long a process may take to finish what it is doing after SIGTERM or SIGINT. Keep it below the grace period of the container (30 s in Kubernetes).',
  ),

  HOLDFAST_CONFIG: optional('embedded', text, 'Path of the configuration file.', {
    fallbackNote: '`holdfast.yaml` in the working directory, where there is one',
    example: '/etc/holdfast/holdfast.yaml',
  }),
  HOLDFAST_DATA_DIR: withDefault(
    'embedded',
    text,
    '.holdfast',
    'Folder for what must survive the process. One process at a time; in a container a volume.',
  ),
  HOLDFAST_EMBEDDED: optional(
    'embedded',
    boolean,
    'Whether Holdfast may run without Redis, in one process. It permits embedded mode and does not choose it: a configured Redis is still used.',
    { fallbackNote: '`false` in production, otherwise `true`', example: 'true' },
  ),
  REDIS_ENGINE: optional(
    'embedded',
    oneOf(['ioredis', 'upstash', 'memory']),
    'Overrides the choice of the mode: `ioredis` is redis mode, `upstash` is upstash mode, `memory` is embedded mode even where a Redis is configured.',
    { fallbackNote: 'by what is configured', example: 'ioredis' },
  ),

  REDIS_URL: optional(
    'redis',
    redisAddress,
    'The Redis, with user, password and database where needed. Wins over a REST URL and over REDIS_HOST.',
    { secret: true, example: 'redis://localhost:6379' },
  ),
  QUEUE_REDIS_URL: optional(
    'redis',
    redisAddress,
    'The durable Redis (`noeviction`, AOF): queues, locks, sessions, counters. A second instance in production.',
    { secret: true, fallbackNote: 'the same Redis', example: 'redis://localhost:6380' },
  ),
  REDIS_HOST: optional('redis', hostName, 'Host of the Redis, instead of REDIS_URL.', { example: 'localhost' }),
  REDIS_PORT: optional('redis', integer(1, 65_535), 'Port of REDIS_HOST.', { fallbackNote: '`6379`', example: '6379' }),
  REDIS_USERNAME: optional('redis', text, 'ACL user, for every topology. With REDIS_URL only where that names none.', {
    fallbackNote: 'the default user',
    example: 'holdfast',
  }),
  REDIS_PASSWORD: optional('redis', text, 'Password, for every topology. With REDIS_URL only where that has none.', {
    secret: true,
    example: 'change-me',
  }),
  REDIS_DB: optional('redis', integer(0, 65_535), 'Database number. 0 in a cluster.', {
    fallbackNote: '`0`',
    example: '0',
  }),
  REDIS_SENTINELS: optional('redis', hostList(26_379), 'Sentinels that know the master, instead of REDIS_URL.', {
    example: 'sentinel-1:26379,sentinel-2:26379,sentinel-3:26379',
  }),
  REDIS_SENTINEL_NAME: optional('redis', text, 'Name of the master that the sentinels watch.', {
    fallbackNote: '`mymaster`',
    example: 'mymaster',
  }),
  REDIS_SENTINEL_PASSWORD: optional('redis', text, 'Password of the sentinels themselves.', {
    secret: true,
    example: 'change-me',
  }),
  REDIS_CLUSTER_NODES: optional('redis', hostList(6379), 'Some nodes of a Redis Cluster, instead of REDIS_URL.', {
    example: 'redis-1:6379,redis-2:6379,redis-3:6379',
  }),
  REDIS_KEY_PREFIX: withDefault(
    'redis',
    matching('key prefix', /^[A-Za-z0-9._-]{1,64}$/, '1 to 64 letters, digits, ".", "_" or "-"'),
    'holdfast',
    'First part of every key, so that several installations can share a Redis.',
  ),

  REDIS_TLS: optional(
    'tls',
    boolean,
    'Whether to use TLS with REDIS_HOST, sentinels or a cluster. With REDIS_URL the scheme says it (`rediss:`).',
    { fallbackNote: '`false`', example: 'true' },
  ),
  REDIS_TLS_CA: optional('tls', pem, 'Certificates of the authorities to trust, instead of the system’s.', {
    secret: true,
  }),
  REDIS_TLS_CERT: optional('tls', pem, 'Client certificate.', { secret: true }),
  REDIS_TLS_KEY: optional('tls', pem, 'Key of the client certificate.', { secret: true }),
  REDIS_TLS_SERVERNAME: optional('tls', hostName, 'Name to ask for (SNI) and to verify.', {
    fallbackNote: 'the host that is connected to',
    example: 'redis.example.com',
  }),
  REDIS_TLS_REJECT_UNAUTHORIZED: optional(
    'tls',
    boolean,
    'Whether to refuse a server whose certificate cannot be verified. `false` is for development only and is warned about.',
    { fallbackNote: '`true`', example: 'true' },
  ),

  UPSTASH_REDIS_REST_URL: optional(
    'upstash',
    baseUrl,
    'REST address of the database. Used where no Redis is configured.',
    {
      example: 'https://example.upstash.io',
    },
  ),
  UPSTASH_REDIS_REST_TOKEN: optional('upstash', text, 'Its token; also the password of the queue’s connection.', {
    secret: true,
    example: 'change-me',
  }),
  REDIS_REST_URL: optional('upstash', baseUrl, 'Another name of UPSTASH_REDIS_REST_URL.', {
    example: 'https://example.upstash.io',
  }),
  REDIS_REST_TOKEN: optional('upstash', text, 'Another name of UPSTASH_REDIS_REST_TOKEN.', {
    secret: true,
    example: 'change-me',
  }),

  REDIS_ENABLE_FALLBACK: withDefault(
    'resilience',
    boolean,
    'true',
    'Whether to go on without Redis, degraded. `false`: an outage answers 503, and a start without Redis fails.',
  ),
  REDIS_CONNECTION_TIMEOUT_MS: withDefault(
    'resilience',
    milliseconds(100, 300_000),
    '10000',
    'How long an attempt to connect may take.',
  ),
  REDIS_COMMAND_TIMEOUT_MS: withDefault(
    'resilience',
    milliseconds(10, 300_000),
    '5000',
    'Deadline of a command, retries included.',
  ),
  REDIS_RETRY_ATTEMPTS: withDefault(
    'resilience',
    integer(0, 20),
    '3',
    'How often an idempotent command is tried again within its deadline.',
  ),
  REDIS_RETRY_DELAY_MS: withDefault(
    'resilience',
    milliseconds(1, 60_000),
    '1000',
    'The longest wait between two tries.',
  ),

  CACHE_TIMEOUT: withDefault(
    'cache',
    seconds,
    '300',
    'In seconds: when a mirrored instance is stale, and the TTL of `api-responses`.',
  ),
  NOVITA_API_CACHE_TTL: optional('cache', ttlSeconds, 'In seconds: TTL of `api-responses`.', {
    fallbackNote: 'CACHE_TIMEOUT',
    example: '300',
  }),
  COMPREHENSIVE_CACHE_TTL: withDefault('cache', ttlSeconds, '60', 'In seconds: TTL of `comprehensive`.'),

  NOVITA_API_BASE_URL: optional('upstream', baseUrl, 'The API whose collections are mirrored.', {
    fallbackNote: 'the sample upstream, started along',
    example: 'https://api.novita.ai',
  }),
  NOVITA_API_KEY: optional('upstream', text, 'Its bearer token.', { secret: true, example: 'change-me' }),

  MAX_CONCURRENT_JOBS: withDefault(
    'jobs',
    integer(1, 1000),
    '20',
    'How many jobs a worker runs at once, over all queues.',
  ),
  WORKER_QUEUES: optional(
    'jobs',
    names(/^[a-z0-9][a-z0-9-]{0,63}$/, 'comma-separated names of queues'),
    'The queues that this worker serves, so that queues can scale apart.',
    { fallbackNote: 'all of them', example: 'source-sync,http-delivery' },
  ),
  WORKER_PROFILE: withDefault(
    'jobs',
    oneOf(['default', 'low-cost']),
    'default',
    'How closely a worker watches its queues. `low-cost` sends at most 10 commands a minute and queue to an idle Redis; the jobs of a worker that died then run again within 90 s instead of 10 s, and a job that runs is told within 20 s instead of 2 s that it was cancelled.',
  ),
  WORKER_PORT: withDefault(
    'jobs',
    integer(0, 65_535),
    '3001',
    'Port of the worker’s health and metrics. 0 takes any free port.',
  ),
  WORKER_HOST: optional(
    'jobs',
    hostName,
    'Address of the worker’s health and metrics. Nothing there needs a key, and nothing there shows data.',
    { fallbackNote: '`0.0.0.0` in production, otherwise `127.0.0.1`', example: '0.0.0.0' },
  ),
  HTTP_DELIVERY_ALLOW_PRIVATE: withDefault(
    'jobs',
    boolean,
    'false',
    'Whether URLs that come with a job may point to private and loopback addresses.',
  ),
  WEBHOOK_URL: optional(
    'jobs',
    webUrl,
    'Told of every job that has failed for good, as a signed `job.failed` event; may be a private address.',
    {
      secret: true,
      example: 'https://hooks.example.com/holdfast',
    },
  ),
  WEBHOOK_SECRET: optional('jobs', webhookSecret, 'Signs deliveries (Standard Webhooks, `whsec_…`).', {
    secret: true,
    example: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  }),
  WEBHOOK_SECRET_PREVIOUS: optional(
    'jobs',
    webhookSecret,
    'Signs deliveries as well, with a signature of its own, while receivers change over to a new WEBHOOK_SECRET.',
    { secret: true, example: 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD' },
  ),

  HOLDFAST_API_KEYS: optional(
    'security',
    apiKeys,
    'Who may call the API. Only hashes stand here; a key is `hf_<id>_<secret>`.',
    { secret: true, example: `ops:${'0'.repeat(64)}:admin` },
  ),
} as const;

export type VariableName = keyof typeof environment;

/** The value of each variable, `undefined` where it is unset and has no default. */
export type EnvironmentValues = {
  readonly [Name in VariableName]: (typeof environment)[Name] extends Variable<infer T> ? T : never;
};
