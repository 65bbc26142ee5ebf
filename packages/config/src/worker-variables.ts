import { baseUrl, boolean, hostName, integer, names, oneOf, seconds, ttlSeconds, webUrl } from './value-types.ts';
import { bearerToken, webhookSecret } from './secret-types.ts';
import { optional, withDefault } from './variable.ts';

/** What is done: caching, mirroring, jobs. */
export const workVariables = {
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
  CACHE_TRACKING: withDefault(
    'cache',
    boolean,
    'true',
    'Whether Redis reports changes of what this process keeps (`CLIENT TRACKING`, standalone and Sentinel). `false` saves the second connection; entries are then kept for `cache.l1.maxStale`.',
  ),

  NOVITA_API_BASE_URL: optional('upstream', baseUrl, 'The API whose collections are mirrored.', {
    fallbackNote: 'none; outside of production `npm start` brings the sample upstream along',
    example: 'https://api.novita.ai',
  }),
  NOVITA_API_KEY: optional('upstream', bearerToken, 'Its bearer token.', { secret: true, example: 'change-me' }),

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
    'How closely a worker watches its queues. `low-cost` sends at most 10 commands a minute and queue to an idle Redis; the jobs of a worker that died then run again within 90 s instead of 10 s, and a running job whose worker was cut off learns within 20 s instead of 2 s that it was given to another.',
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
    'Address of the worker’s health and metrics, as in `HOST`. Nothing there needs a key, and nothing there shows data.',
    { fallbackNote: '`::` in production, otherwise `localhost`', example: '::' },
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
  WEBHOOK_SECRET: optional(
    'jobs',
    webhookSecret,
    'Signs deliveries (Standard Webhooks). Without any secret they are not signed, which is warned about.',
    { secret: true },
  ),
  WEBHOOK_SECRET_PREVIOUS: optional(
    'jobs',
    webhookSecret,
    'Signs deliveries as well, with a signature of its own, while receivers change over to a new WEBHOOK_SECRET.',
    { secret: true },
  ),
} as const;
