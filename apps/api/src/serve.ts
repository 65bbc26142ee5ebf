import type { Config } from '@holdfast/config';
import { measureWorker, modules } from '@holdfast/modules';
import {
  consoleToLog,
  createRuntime,
  endFailedStart,
  exitOnUncaught,
  isLockedOut,
  keepParentTold,
  logJobs,
  logLibraryErrors,
  logRedisWork,
  measureModules,
  missingRedis,
  openPort,
  readConfig,
  requireRedis,
  shutDownOnSignal,
  tellParent,
  version,
} from '@holdfast/runtime';
import type { Runtime } from '@holdfast/runtime';
import { createLogger, createMetrics } from '@holdfast/telemetry';
import type { Logger, Metrics } from '@holdfast/telemetry';
import { buildApp } from './app.ts';
import { closeWithin } from './plugins/closing/close-within.ts';
import { isReady } from './routes/health/report.ts';

/** The service as a process, as `server.ts` starts it; in embedded mode the worker runs in it as well. Ends the process when it fails. */
export async function serve(env: NodeJS.ProcessEnv, cwd: string): Promise<void> {
  const config = readConfig(env, cwd);
  const logger = createLogger({ ...config.log, service: 'api', version });
  exitOnUncaught(logger);
  for (const warning of config.warnings) logger.warn(warning);
  try {
    await run(config, logger);
  } catch (error) {
    endFailedStart(logger, error);
  }
}

async function run(config: Config, logger: Logger): Promise<void> {
  const metrics = createMetrics({ service: 'api', version });
  const logs = [logLibraryErrors(logger), logRedisWork(logger), logJobs(logger), consoleToLog(logger)];
  const runtime = await createRuntime(config, { modules, standIn: true });
  const { engines } = runtime;
  measureModules(runtime, metrics);
  for (const name of ['cache', 'durable'] as const) metrics.redisUp(name, engines[name].status.available);
  if ((await requireRedis(config, runtime)) !== undefined) tellWhatStandsIn(runtime, logger);
  runtime.eviction.start(logger);
  const app = await buildApp({ config, runtime, logger, metrics });
  const worker = await embeddedWorker(config, runtime, logger, metrics);
  const { shutdownTimeoutMs } = config.server;
  // The rest is for closing the queue and the connections.
  const patienceMs = 0.7 * shutdownTimeoutMs;
  shutDownOnSignal({
    logger,
    timeoutMs: shutdownTimeoutMs,
    steps: [
      {
        name: 'requests and jobs',
        close: () => Promise.all([closeWithin(app, patienceMs), worker?.close({ timeoutMs: patienceMs })]),
      },
      { name: 'outbox', close: async () => drainOutbox(runtime, logger, 0.15 * shutdownTimeoutMs) },
      { name: 'runtime', close: () => runtime.close() },
      { name: 'metrics', close: async () => metrics.close() },
      { name: 'logging', close: async () => logs.forEach((stop) => stop()) },
    ],
  });
  const { host, port } = config.server;
  const address = await openPort(app, { host, port, variables: { host: 'HOST', port: 'PORT' } });
  await worker?.start();
  logger.info({ address, mode: config.mode, docs: `${address}/docs`, apiKeys: config.apiKeys.length }, 'ready');
  const news = () => ({ ready: isReady({ config, runtime }), redis: missingRedis(runtime) ?? null });
  keepParentTold(news);
  tellParent({ address, ...news() });
}

/** What is not there is told by the log of the connections; this is what follows from it. */
function tellWhatStandsIn(runtime: Runtime, logger: Logger): void {
  if (isLockedOut(runtime)) logger.error('not ready (503) until Redis lets this process in');
  else logger.warn('going on without Redis: the cache answers from memory, and jobs are kept on disk until it is back');
}

/** What was acknowledged for a Redis that has just come back need not wait for the next start. */
async function drainOutbox({ parts }: Runtime, logger: Logger, timeoutMs: number): Promise<void> {
  const waiting = (await parts.queues.queues.outbox?.drain({ timeoutMs })) ?? 0;
  if (waiting > 0) logger.warn({ waiting }, 'jobs stay in the outbox until the next start');
}

/** Only in embedded mode: see docs/decisions/0001. Loaded late, so that a service beside a Redis never carries it. */
async function embeddedWorker(config: Config, runtime: Runtime, logger: Logger, metrics: Metrics) {
  if (config.mode !== 'embedded') return undefined;
  const { buildWorker } = await import('@holdfast/worker');
  const worker = await buildWorker({ config, runtime, logger: logger.child({ part: 'worker' }) });
  measureWorker(worker, metrics.instruments('worker'));
  return worker;
}
