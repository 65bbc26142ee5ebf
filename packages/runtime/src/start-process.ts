import { modules, type HoldfastConfig } from '@holdfast/modules';
import { createLogger, createMetrics, type Logger, type Metrics } from '@holdfast/telemetry';
import { consoleToLog } from './console-to-log.ts';
import { createRuntime, type Runtime } from './create-runtime.ts';
import { logDisk } from './folders/log-disk.ts';
import { reportIntervalMs } from './health-thread/latest-report.ts';
import { isLockedOut } from './locked-out.ts';
import { logJobs } from './log-jobs.ts';
import { logLibraryErrors } from './log-library-errors.ts';
import { logForeign } from './log-foreign.ts';
import { logRedisWork } from './log-redis-work.ts';
import { logSavedCommands } from './log-saved-commands.ts';
import { logUnstored } from './log-unstored.ts';
import { measureModules } from './measure-modules.ts';
import { readConfig } from './read-config.ts';
import { requireRedis } from './require-redis.ts';
import { exitOnUncaught, shutDownOnSignal, type ShutdownOptions } from './shutdown.ts';
import { endFailedStart } from './start-error.ts';
import { version } from './version.ts';

export interface ProcessOptions {
  /** `api`, `worker`: what its log lines and metrics are marked with. */
  readonly service: string;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Whether it answers callers: then it needs API keys where others reach it, and falls back where Redis is absent. */
  readonly servesApi: boolean;
  /** What the log says when it goes on without Redis. */
  readonly withoutRedis: string;
  /** What this process makes of its configuration. @throws StartError for one that is not for it */
  readonly adapt?: (config: HoldfastConfig) => HoldfastConfig;
}

const longestIntervalMs = 2 ** 31 - 1;

/** What every process is made of. */
export interface ProcessParts {
  readonly config: HoldfastConfig;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly runtime: Runtime;
  /** Waits for Redis, as `requireRedis` does. What is built before has connections that count too. @throws StartError */
  readonly connect: () => Promise<void>;
}

/** What one kind of process adds to that. */
export interface Service {
  /** Opens its ports, and resolves with the address of the one that counts. @throws StartError */
  readonly listen: () => Promise<string>;
  /** Where others give it work until they hear that it ends: see `ShutdownOptions`. */
  readonly delay?: ShutdownOptions['delay'];
  /** What ends first when the process is asked to end, in this order. */
  readonly steps: ShutdownOptions['steps'];
  /** Begins its work: it listens now, at this URL. */
  readonly opened: (address: string) => Promise<void>;
}

/**
 * Starts a process of Holdfast, from its configuration to the open port, and has a signal end it in order. Ends the process
 * when that fails, with the reason in its log.
 */
export async function startProcess(
  options: ProcessOptions,
  build: (parts: ProcessParts) => Promise<Service>,
): Promise<void> {
  const { service, env, cwd, servesApi, adapt = (config) => config } = options;
  const read = readConfig(env, cwd, { servesApi });
  const logger = createLogger({ ...read.log, service, version });
  exitOnUncaught(logger);
  for (const warning of read.warnings) logger.warn(warning);
  try {
    await start(adapt(read), logger, options, build);
  } catch (error) {
    endFailedStart(logger, error);
  }
}

async function start(
  config: HoldfastConfig,
  logger: Logger,
  { service, servesApi, withoutRedis }: ProcessOptions,
  build: (parts: ProcessParts) => Promise<Service>,
): Promise<void> {
  const metrics = createMetrics({ service, version, mode: config.mode, textIntervalMs: reportIntervalMs });
  const logs = [
    logLibraryErrors,
    logRedisWork,
    logSavedCommands,
    logUnstored,
    logForeign,
    logJobs,
    logDisk,
    consoleToLog,
  ].map((log) => log(logger));
  const readParts = measureModules(modules, metrics);
  const runtime = await createRuntime(config, { modules, usesFallback: servesApi });
  readParts(runtime);
  for (const name of ['cache', 'durable'] as const) metrics.redisUp(name, runtime.engines[name].status);
  const connect = async (): Promise<void> => {
    // What is not there is told by the log of the connections; this is what follows from it.
    if ((await requireRedis(config, runtime)) !== undefined) {
      if (isLockedOut(runtime)) logger.error('not ready (503) until Redis lets this process in');
      else logger.warn(withoutRedis);
    }
    runtime.eviction.start(logger);
    runtime.work.start(logger);
    runtime.folder?.start(logger, () => runtime.folders?.look());
    runtime.folders?.start(logger);
  };
  const { listen, delay, steps, opened } = await build({ config, logger, metrics, runtime, connect });
  shutDownOnSignal({
    logger,
    ...(delay !== undefined && { delay }),
    timeoutMs: config.server.shutdownTimeoutMs,
    steps: [
      ...steps,
      { name: 'runtime', close: () => runtime.close() },
      { name: 'metrics', close: async () => metrics.close() },
      { name: 'logging', close: async () => logs.forEach((stop) => stop()) },
    ],
  });
  // Until a signal ends it, whatever else is open: the port of a worker is that of a thread, which holds no process.
  setInterval(() => {}, longestIntervalMs);
  await opened(await listen());
}
