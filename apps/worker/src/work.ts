import type { Config } from '@holdfast/config';
import { measureWorker, modules } from '@holdfast/modules';
import {
  consoleToLog,
  createRuntime,
  endFailedStart,
  exitCodes,
  exitOnUncaught,
  isLockedOut,
  keepParentTold,
  logJobs,
  logLibraryErrors,
  logRedisWork,
  measureModules,
  openPort,
  readConfig,
  requireRedis,
  shutDownOnSignal,
  StartError,
  version,
} from '@holdfast/runtime';
import { createLogger, createMetrics } from '@holdfast/telemetry';
import type { Logger } from '@holdfast/telemetry';
import { buildHealthServer } from './health-server.ts';
import { withProfile } from './low-cost.ts';
import { buildWorker } from './worker.ts';

/** The worker as a process, as `main.ts` starts it. Ends the process when it fails. */
export async function work(env: NodeJS.ProcessEnv, cwd: string): Promise<void> {
  const config = withProfile(readConfig(env, cwd, { servesApi: false }));
  const logger = createLogger({ ...config.log, service: 'worker', version });
  exitOnUncaught(logger);
  for (const warning of config.warnings) logger.warn(warning);
  try {
    await run(config, logger);
  } catch (error) {
    endFailedStart(logger, error);
  }
}

async function run(config: Config, logger: Logger): Promise<void> {
  if (config.mode === 'embedded') {
    throw new StartError(
      'Without a Redis the worker runs inside the API process: start only the API, or set REDIS_URL for both.',
      exitCodes.misconfigured,
    );
  }
  const metrics = createMetrics({ service: 'worker', version });
  const logs = [logLibraryErrors(logger), logRedisWork(logger), logJobs(logger), consoleToLog(logger)];
  const runtime = await createRuntime(config, { modules });
  const { engines } = runtime;
  measureModules(runtime, metrics);
  for (const name of ['cache', 'durable'] as const) metrics.redisUp(name, engines[name].status.available);
  const worker = await buildWorker({ config, runtime, logger });
  // The worker has connections of its own, which count too.
  if ((await requireRedis(config, runtime)) !== undefined) {
    if (isLockedOut(runtime)) logger.error('not ready (503) until Redis lets this process in');
    else logger.warn('going on without Redis: jobs run when it is there');
  }
  runtime.eviction.start(logger);
  measureWorker(worker, metrics.instruments('worker'));
  const { enableFallback } = config.redis;
  const health = buildHealthServer({ worker, runtime, metrics, version, mode: config.mode, enableFallback });
  const timeoutMs = config.server.shutdownTimeoutMs;
  shutDownOnSignal({
    logger,
    timeoutMs,
    steps: [
      // The jobs first: health and metrics go on answering while they drain. What is left closes in the last second.
      { name: 'jobs', close: () => worker.close({ timeoutMs: Math.max(1000, timeoutMs - 2000) }) },
      { name: 'health', close: () => health.close() },
      { name: 'runtime', close: () => runtime.close() },
      { name: 'metrics', close: async () => metrics.close() },
      { name: 'logging', close: async () => logs.forEach((stop) => stop()) },
    ],
  });
  const { host, port } = config.worker;
  const address = await openPort(health, { host, port, variables: { host: 'WORKER_HOST', port: 'WORKER_PORT' } });
  keepParentTold(() => ({}));
  await worker.start();
  logger.info({ health: address, mode: config.mode, queues: Object.keys(worker.status()) }, 'ready');
}
