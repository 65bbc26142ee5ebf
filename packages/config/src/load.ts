import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { ProblemList } from './errors.ts';
import { merge } from './merge.ts';
import { chooseMode } from './mode.ts';
import { builtInQueueNames, presets } from './presets.ts';
import { readConfigFile } from './read-config-file.ts';
import { entries, readEnvironment, readSecret } from './read-environment.ts';
import type { Environment } from './read-environment.ts';
import { redisTargets } from './redis-targets.ts';
import type { ConfigFile } from './schema.ts';
import type { Config, Mode, RedisConfig, ServerConfig } from './types.ts';
import { warningsOfDisabled } from './disabled-parts.ts';
import { type KnownVariable, unknownVariables } from './unknown-variables.ts';

export interface LoadOptions {
  /** Usually `process.env`, which nothing else in Holdfast reads. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Relative paths start here. */
  readonly cwd: string;
  /** Replies the text of a file, or throws an error with a `code` such as ENOENT. Default: the file system, up to 1 MiB. */
  readonly readFile?: (path: string) => string;
  /** Whether this process opens the API. One that does not is not asked for API keys because of HOST. Default true. */
  readonly servesApi?: boolean;
}

/**
 * The configuration, from the environment and holdfast.yaml.
 *
 * @throws {ConfigError} with everything that is wrong, and free of secrets. Nothing else is thrown.
 */
export function loadConfig({ env, cwd, readFile = readTextFile, servesApi = true }: LoadOptions): Config {
  const problems = new ProblemList();
  const warnings: string[] = [];
  const sourcesOfValues = {
    env,
    readFile: (path: string) => readFile(resolve(cwd, path)),
    problems,
    warnings,
    alsoRead: new Set<string>(),
  };
  const environment = readEnvironment(sourcesOfValues);
  const { values } = environment;
  const mode = chooseMode(environment, problems, warnings);
  const file = readConfigFile(values.HOLDFAST_CONFIG, cwd, readFile, problems);
  const { cache, entities, queues, sources, disabled } = merge(
    presets({
      instancesSoftMs: values.CACHE_TIMEOUT,
      apiResponsesMs: values.NOVITA_API_CACHE_TTL === undefined ? values.CACHE_TIMEOUT : values.NOVITA_API_CACHE_TTL,
      comprehensiveMs: values.COMPREHENSIVE_CACHE_TTL,
    }),
    file.content,
    (variable, path) => readSecret(variable, path, sourcesOfValues),
    problems,
  );
  checkQueues(values.WORKER_QUEUES, Object.keys(queues), disabled.queues, problems);
  warnings.push(...warningsOfDisabled({ values, queues, sources, disabled }));
  warnings.push(...unknownVariables(env, knownVariables(), sourcesOfValues.alsoRead));
  if (values.NODE_ENV === 'production') {
    warnings.push(...environment.placeholders.map((name) => `${name} still holds the placeholder of an example`));
  }
  warnOfTtlTwice(environment, file.content, warnings);
  warnOfUpstream(environment, Object.keys(sources).length > 0, warnings);
  const config: Config = {
    environment: values.NODE_ENV,
    mode,
    server: server(environment, file.content, servesApi ? problems : undefined),
    worker: {
      host: values.WORKER_HOST ?? (values.NODE_ENV === 'production' ? '::' : 'localhost'),
      port: values.WORKER_PORT,
      queues: values.WORKER_QUEUES ?? null,
      maxConcurrentJobs: values.MAX_CONCURRENT_JOBS,
      profile: values.WORKER_PROFILE,
    },
    log: { level: values.LOG_LEVEL, ...(values.LOG_FILE !== undefined && { file: resolve(cwd, values.LOG_FILE) }) },
    dataDir: resolve(cwd, values.HOLDFAST_DATA_DIR),
    redis: redis(mode, environment, problems),
    cache,
    entities,
    queues,
    outbox: file.content.outbox ?? {},
    sources,
    disabled,
    upstream: {
      baseUrl: values.NOVITA_API_BASE_URL ?? null,
      ...(values.NOVITA_API_KEY !== undefined && { apiKey: values.NOVITA_API_KEY }),
    },
    httpDelivery: {
      allowPrivate: values.HTTP_DELIVERY_ALLOW_PRIVATE,
      ...(values.WEBHOOK_URL !== undefined && { webhookUrl: values.WEBHOOK_URL }),
      webhookSecrets: [values.WEBHOOK_SECRET, values.WEBHOOK_SECRET_PREVIOUS].filter((secret) => secret !== undefined),
    },
    apiKeys: values.HOLDFAST_API_KEYS ?? [],
    warnings,
    file: file.path,
  };
  problems.throwIfAny();
  return config;
}

/** @param problems Absent for a process that does not listen there. */
function server({ values, given }: Environment, file: ConfigFile, problems: ProblemList | undefined): ServerConfig {
  const open = !given.has('HOLDFAST_API_KEYS');
  if (open && values.HOST !== undefined && !isLoopback(values.HOST)) {
    problems?.add(
      'HOST',
      'is not a loopback address, and without API keys everybody who reaches it could use the API; set HOLDFAST_API_KEYS',
      'without HOLDFAST_API_KEYS: 127.0.0.1, ::1 or localhost',
    );
  }
  return {
    host: values.HOST ?? (open ? 'localhost' : '::'),
    port: values.PORT,
    requestTimeoutMs: values.REQUEST_TIMEOUT,
    shutdownTimeoutMs: values.SHUTDOWN_TIMEOUT,
    bodyLimitBytes: file.server?.bodyLimitBytes ?? 16 * 1024 * 1024,
  };
}

function redis(mode: Mode, environment: Environment, problems: ProblemList): RedisConfig {
  const { values } = environment;
  const targets = redisTargets(mode, environment, problems);
  const limits = {
    connectionTimeoutMs: values.REDIS_CONNECTION_TIMEOUT_MS,
    commandTimeoutMs: values.REDIS_COMMAND_TIMEOUT_MS,
    retryAttempts: values.REDIS_RETRY_ATTEMPTS,
    retryDelayMs: values.REDIS_RETRY_DELAY_MS,
  };
  const engine = {
    ...limits,
    probeIntervalMs: values.REDIS_PROBE_INTERVAL_MS,
    probeDeadlineMs: values.REDIS_PROBE_DEADLINE_MS,
  };
  return {
    cache: { name: 'cache', target: targets.cache, ...engine, tracking: values.CACHE_TRACKING },
    durable: { name: 'durable', target: targets.durable, ...engine },
    queue: targets.queue,
    keyPrefix: values.REDIS_KEY_PREFIX,
    enableFallback: values.REDIS_ENABLE_FALLBACK,
    ...limits,
  };
}

function knownVariables(): KnownVariable[] {
  return entries().map(([name, { secret }]) => ({ name, secret }));
}

function checkQueues(
  chosen: readonly string[] | undefined,
  declared: readonly string[],
  disabled: readonly string[],
  problems: ProblemList,
): void {
  const known = [...new Set([...builtInQueueNames, ...declared])].filter((name) => !disabled.includes(name));
  if (chosen === undefined || chosen.every((name) => known.includes(name))) return;
  const isOff = chosen.some((name) => disabled.includes(name));
  const problem = isOff ? 'names a queue that is turned off (enabled: false)' : 'names a queue that there is not';
  problems.add('WORKER_QUEUES', problem, known.join(', '));
}

function warnOfTtlTwice({ given }: Environment, file: ConfigFile, warnings: string[]): void {
  const pairs = [
    ['CACHE_TIMEOUT', 'instances', 'softTtl'],
    ['NOVITA_API_CACHE_TTL', 'api-responses', 'ttl'],
    ['COMPREHENSIVE_CACHE_TTL', 'comprehensive', 'ttl'],
  ] as const;
  for (const [name, namespace, field] of pairs) {
    if (given.has(name) && file.cache?.namespaces?.[namespace]?.[field] !== undefined) {
      warnings.push(`${name} and cache.namespaces.${namespace}.${field} are both set: the file wins`);
    }
  }
}

function warnOfUpstream({ values, given }: Environment, hasSources: boolean, warnings: string[]): void {
  if (given.has('NOVITA_API_BASE_URL')) {
    if (!hasSources) warnings.push('NOVITA_API_BASE_URL is not used, because every source is turned off');
  } else if (given.has('NOVITA_API_KEY')) {
    warnings.push('NOVITA_API_KEY is not used, because NOVITA_API_BASE_URL is not set');
  } else if (values.NODE_ENV === 'production' && hasSources) {
    warnings.push(
      'NOVITA_API_BASE_URL is not set: nothing is mirrored, and sources answer with what they hold; set it, or turn the sources off (enabled: false)',
    );
  }
}

function isLoopback(host: string): boolean {
  if (isIP(host) === 4) return host.startsWith('127.');
  return host === '::1' || host.toLowerCase() === 'localhost';
}

/** A regular file only: a device or a pipe could have no end. */
function readTextFile(path: string): string {
  const { size } = statSync(path);
  if (!statSync(path).isFile() || size > 1024 * 1024) {
    throw Object.assign(new Error('no regular file of at most 1 MiB'), { code: 'EINVAL' });
  }
  return readFileSync(path, 'utf8');
}
