import { dataVolume } from './data-volume.ts';
import { type ApiKey, apiKeysAllowed, parseApiKeys } from './api-keys.ts';
import { boolean, hostName, integer, milliseconds, oneOf, text, type ValueType } from './value-types.ts';
import { groups, optional, withDefault } from './variable.ts';

const apiKeys: ValueType<readonly ApiKey[]> = {
  name: 'list of API keys',
  allowed: apiKeysAllowed,
  printable: false,
  parse: parseApiKeys,
};

/** The processes themselves: where they listen, what they keep on disk, who may call them. */
export const serviceVariables = {
  NODE_ENV: withDefault(
    groups.service,
    oneOf(['development', 'production', 'test']),
    'development',
    'In production embedded mode must be asked for, see HOLDFAST_EMBEDDED.',
  ),
  PORT: withDefault(groups.service, integer(0, 65_535), '3000', 'Port of the API. 0 takes any free port.'),
  HOST: optional(
    groups.service,
    hostName,
    'Address that the API binds to: `localhost` is both `127.0.0.1` and `::1`, `::` all addresses of IPv4 and IPv6, `0.0.0.0` those of IPv4. Without API keys only a loopback address is accepted.',
    { fallbackNote: '`localhost` without API keys, `::` with them', example: '::' },
  ),
  HEALTH_PORT: optional(
    groups.service,
    integer(0, 65_535),
    'A further port of the API for `/health/live`, `/health/ready` and `/metrics`, which a thread of its own answers, also while the API is busy. A worker has that on `WORKER_PORT`. It binds to `HOST` where that is set, otherwise to all addresses in production and to `localhost` elsewhere. Nothing there needs a key, and nothing there shows data. 0 takes any free port.',
    { fallbackNote: 'none', example: '3900' },
  ),
  LOG_LEVEL: withDefault(
    groups.service,
    oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
    'info',
    'The least severe level that is logged. `info` has nothing of what a healthy service answers; `debug` has each request and each Redis command, without keys and values.',
  ),
  LOG_FILE: optional(groups.service, text, 'File that logs are appended to (JSON lines) instead of stdout.', {
    example: 'holdfast.log',
  }),
  REQUEST_TIMEOUT: withDefault(
    groups.service,
    milliseconds(1000, 600_000),
    '45000',
    'How long a request may be worked on before it is answered with 503. `?wait` stays below it, event streams are exempt.',
  ),
  BODY_BUDGET: optional(
    groups.service,
    integer(1024 * 1024, 1024 ** 4, 'bytes'),
    'Memory that the bodies and answers under way may take together, where a byte of JSON counts as 8 and one of a cache value as 2. A request beyond it is answered with 503.',
    {
      fallbackNote: '3/8 of the memory of the container or machine (1/4 in embedded mode), at most 3/4 of the heap',
      example: '201326592',
    },
  ),
  SHUTDOWN_TIMEOUT: withDefault(
    groups.service,
    milliseconds(0, 600_000),
    '8000',
    'How long a process may take to finish what it is doing after SIGTERM or SIGINT. Keep it below the grace period of the container (30 s in Kubernetes).',
  ),

  SHUTDOWN_DELAY: optional(
    groups.service,
    milliseconds(0, 600_000),
    'How long the API goes on serving after SIGTERM or SIGINT, not ready (503) and with `connection: close` on each answer, before it closes its port: time for whoever sends requests here to notice. `SHUTDOWN_TIMEOUT` begins after it. Longer than a balancer takes from one look at `/health/ready` to the next.',
    { fallbackNote: '`5s` in production, otherwise `0`', example: '5s' },
  ),

  HOLDFAST_CONFIG: optional(groups.embedded, text, 'Path of the configuration file.', {
    fallbackNote: '`holdfast.yaml` in the working directory, where there is one',
    example: '/etc/holdfast/holdfast.yaml',
  }),
  HOLDFAST_DATA_DIR: withDefault(
    groups.embedded,
    text,
    '.holdfast',
    'Folder for what must survive the process, of the API; a worker keeps nothing on disk. One process at a time; in a container a volume.',
  ),
  HOLDFAST_DATA_VOLUME: withDefault(
    groups.embedded,
    dataVolume,
    'disk',
    'What that folder lies on, and so what a 202 outlives: `ephemeral` ends with its pod, `claim:<name>` is found again by the claim. Told in `/health` and noted in Redis; the manifests set it.',
  ),
  HOLDFAST_EMBEDDED: optional(
    groups.embedded,
    boolean,
    'Whether Holdfast may run without Redis, in one process. It permits embedded mode and does not choose it: a configured Redis is still used.',
    { fallbackNote: '`false` in production, otherwise `true`', example: 'true' },
  ),
  REDIS_ENGINE: optional(
    groups.embedded,
    oneOf(['ioredis', 'upstash', 'memory']),
    'Overrides the choice of the mode: `ioredis` is redis mode, `upstash` is upstash mode, `memory` is embedded mode even where a Redis is configured.',
    { fallbackNote: 'by what is configured', example: 'ioredis' },
  ),

  HOLDFAST_API_KEYS: optional(
    groups.security,
    apiKeys,
    'Who may call the API. Only hashes stand here; a key is `hf_<id>_<secret>`.',
    { secret: true, example: `ops:${'0'.repeat(64)}:admin` },
  ),
} as const;
