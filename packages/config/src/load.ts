import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { dirname, resolve } from 'node:path';
import { checkParts } from './check-parts.ts';
import { ProblemList } from './errors.ts';
import { chooseMode } from './mode.ts';
import type { ConfigPart } from './part.ts';
import { type Profile, watchingOf } from './profile.ts';
import { readConfigFile } from './read-config-file.ts';
import { type Environment, readEnvironment, secretReader } from './read-environment.ts';
import { readParts } from './read-parts.ts';
import { redisTargets } from './redis-targets.ts';
import { type ConfigFile, fileSchemaOf } from './schema.ts';
import type { BaseConfig, Config, Mode, RedisConfig, ServerConfig, WorkerConfig } from './types.ts';
import { unknownVariables } from './unknown-variables.ts';
import { variablesOf } from './variables.ts';

export interface LoadOptions<Parts extends readonly ConfigPart[] = readonly ConfigPart[]> {
  /** Usually `process.env`, which nothing else in Holdfast reads. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Relative paths start here. */
  readonly cwd: string;
  /** What there is besides Holdfast itself; each behind those that it needs. */
  readonly parts: Parts;
  /** Replies the text of a file, or throws an error with a `code` such as ENOENT. Default: the file system, up to 1 MiB. */
  readonly readFile?: (path: string) => string;
  /** Whether this process opens the API. One that does not is not asked for API keys because of HOST. Default true. */
  readonly servesApi?: boolean;
}

/**
 * The configuration, from the environment and holdfast.yaml.
 *
 * @throws {ConfigError} with everything that is wrong, and free of secrets.
 * @throws {Error} Only for parts that cannot be together: two of one name, or with a variable or a section in common.
 */
export function loadConfig<const Parts extends readonly ConfigPart[]>(options: LoadOptions<Parts>): Config<Parts> {
  const { env, cwd, parts, readFile = readTextFile, servesApi = true } = options;
  checkParts(parts);
  const problems = new ProblemList();
  const warnings: string[] = [];
  const sourcesOfValues = {
    env,
    readFile: (path: string) => readFile(resolve(cwd, path)),
    problems,
    warnings,
    alsoRead: new Set<string>(),
  };
  const table = variablesOf(parts);
  const environment = readEnvironment(table, sourcesOfValues);
  const { values, given } = environment;
  const mode = chooseMode(environment, problems, warnings);
  const profile = chooseProfile(environment, mode, problems);
  const file = readConfigFile(values.HOLDFAST_CONFIG, cwd, readFile, fileSchemaOf(parts), problems);
  const readSecret = secretReader(table, sourcesOfValues);
  const directory = file.path === null ? resolve(cwd) : dirname(file.path);
  const settings = readParts(parts, { values, given, file: file.content, directory, problems, warnings, readSecret });
  const known = table.map(([name, { secret }]) => ({ name, secret }));
  warnings.push(...unknownVariables(env, known, sourcesOfValues.alsoRead));
  if (values.NODE_ENV === 'production') {
    warnings.push(...environment.placeholders.map((name) => `${name} still holds the placeholder of an example`));
  }
  const base: BaseConfig = {
    environment: values.NODE_ENV,
    mode,
    profile,
    server: server(environment, file.content, servesApi ? problems : undefined),
    worker: worker(environment),
    log: { level: values.LOG_LEVEL, ...(values.LOG_FILE !== undefined && { file: resolve(cwd, values.LOG_FILE) }) },
    dataDir: resolve(cwd, values.HOLDFAST_DATA_DIR),
    dataVolume: values.HOLDFAST_DATA_VOLUME,
    redis: redis(mode, profile, environment, problems),
    apiKeys: values.HOLDFAST_API_KEYS ?? [],
    warnings,
    file: file.path,
  };
  problems.throwIfAny();
  // What each part has read stands under its name, which TypeScript cannot follow through the loop.
  return { ...base, ...settings } as Config<Parts>;
}

function worker({ values }: Environment): WorkerConfig {
  return {
    host: values.WORKER_HOST ?? (values.NODE_ENV === 'production' ? '::' : 'localhost'),
    port: values.WORKER_PORT,
    maxConcurrentJobs: values.MAX_CONCURRENT_JOBS,
  };
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
  const isShared = values.PORT !== 0 && values.HEALTH_PORT === values.PORT;
  if (isShared) problems?.add('HEALTH_PORT', 'is the same as PORT', 'another port');
  return {
    host: values.HOST ?? (open ? 'localhost' : '::'),
    port: values.PORT,
    health:
      values.HEALTH_PORT === undefined
        ? null
        : { host: values.HOST ?? (values.NODE_ENV === 'production' ? '::' : 'localhost'), port: values.HEALTH_PORT },
    requestTimeoutMs: values.REQUEST_TIMEOUT,
    shutdownTimeoutMs: values.SHUTDOWN_TIMEOUT,
    shutdownDelayMs: values.SHUTDOWN_DELAY ?? (values.NODE_ENV === 'production' ? 5000 : 0),
    ...(values.BODY_BUDGET !== undefined && { bodyBudgetBytes: values.BODY_BUDGET }),
    bodyLimitBytes: file.server?.bodyLimitBytes ?? 16 * 1024 * 1024,
    jobLimitBytes: file.server?.jobLimitBytes ?? 1024 * 1024 + 64 * 1024,
  };
}

/** Where commands are billed, the one that sends few. */
function chooseProfile({ values }: Environment, mode: Mode, problems: ProblemList): Profile {
  const { HOLDFAST_PROFILE: name, WORKER_PROFILE: alias } = values;
  if (name !== undefined && alias !== undefined && name !== alias) {
    problems.add('WORKER_PROFILE', 'differs from HOLDFAST_PROFILE', 'one of the two');
  }
  return name ?? alias ?? (mode === 'upstash' ? 'low-cost' : 'default');
}

function redis(mode: Mode, profile: Profile, environment: Environment, problems: ProblemList): RedisConfig {
  const { values } = environment;
  const targets = redisTargets(mode, environment, problems);
  const prefix = values.QUEUE_PREFIX;
  if (prefix !== undefined && targets.queue?.kind === 'cluster' && !hasHashTag(prefix)) {
    problems.add('QUEUE_PREFIX', 'has no hash tag, without which a cluster has each key elsewhere', `{${prefix}}`);
  }
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
    ...watchingOf[profile],
  };
  return {
    cache: { name: 'cache', target: targets.cache, ...engine, tracking: values.CACHE_TRACKING },
    durable: { name: 'durable', target: targets.durable, ...engine },
    queue: targets.queue,
    keyPrefix: values.REDIS_KEY_PREFIX,
    ...(values.QUEUE_PREFIX === undefined ? {} : { queuePrefix: values.QUEUE_PREFIX }),
    enableFallback: values.REDIS_ENABLE_FALLBACK,
    ...limits,
  };
}

/** As a cluster reads it: what is between the first brace and the next that closes. */
function hasHashTag(prefix: string): boolean {
  return /^[^{]*\{[^}]+\}/.test(prefix);
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
