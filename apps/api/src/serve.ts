import { measureWorker } from '@holdfast/modules';
import {
  HealthThread,
  keepParentTold,
  missingRedis,
  openPort,
  startProcess,
  tellParent,
  version,
  type ProcessParts,
} from '@holdfast/runtime';
import { buildApp } from './app.ts';
import { closeWithin } from './plugins/closing/close-within.ts';
import { answerReady, live } from './routes/health/probes.ts';
import { isReady } from './routes/health/report.ts';

/** The service as a process, as `server.ts` starts it; in embedded mode the worker runs in it as well. Ends the process when it fails. */
export async function serve(env: NodeJS.ProcessEnv, cwd: string): Promise<void> {
  const withoutRedis =
    'going on without Redis: the cache answers from memory, and jobs are kept on disk until it is back';
  await startProcess({ service: 'api', env, cwd, servesApi: true, withoutRedis }, async (parts) => {
    const { config, logger, metrics, runtime } = parts;
    await parts.connect();
    const app = await buildApp(parts);
    const probes = new HealthThread({
      logger,
      probes: () => ({ live, ready: answerReady(app, { config, runtime }) }),
      reports: {
        '/metrics': async () => ({ status: 200, contentType: metrics.contentType, body: await metrics.text() }),
      },
      patienceMs: 10_000,
    });
    const worker = await embeddedWorker(parts, probes);
    const { host, port, health, shutdownDelayMs, shutdownTimeoutMs } = config.server;
    // The rest is for closing the queue and the connections.
    const patienceMs = 0.7 * shutdownTimeoutMs;
    let healthAddress: string | undefined;
    return {
      async listen() {
        const address = await openPort(app, { host, port, variables: { host: 'HOST', port: 'PORT' } });
        if (health !== null) {
          healthAddress = await probes.open({ ...health, variables: { host: 'HOST', port: 'HEALTH_PORT' } });
        }
        return address;
      },
      delay: {
        ms: shutdownDelayMs,
        begin() {
          app.startDraining();
          probes.publish();
        },
      },
      steps: [
        {
          name: 'requests and jobs',
          close: () => Promise.all([closeWithin(app, patienceMs), worker?.close({ timeoutMs: patienceMs })]),
        },
        { name: 'outbox', close: async () => drainOutbox(parts, 0.15 * shutdownTimeoutMs) },
      ],
      async opened(address) {
        await worker?.start();
        const addresses = {
          address,
          docs: `${address}/docs`,
          ...(healthAddress !== undefined && { health: healthAddress }),
        };
        logger.info({ ...addresses, mode: config.mode, apiKeys: config.apiKeys.length }, 'ready');
        const news = () => ({ ready: isReady({ config, runtime }), redis: missingRedis(runtime) ?? null });
        keepParentTold(news);
        tellParent({ address, ...news() });
      },
    };
  });
}

/** What was acknowledged for a Redis that has just come back need not wait for the next start. */
async function drainOutbox({ runtime, logger }: ProcessParts, timeoutMs: number): Promise<void> {
  const waiting = (await runtime.parts.queues.queues.outbox?.drain({ timeoutMs })) ?? 0;
  if (waiting > 0) logger.warn({ waiting }, 'jobs stay in the outbox until the next start');
}

/** Only in embedded mode: see docs/decisions/0001. Loaded late, so that a service beside a Redis never carries it. */
async function embeddedWorker({ config, runtime, logger, metrics }: ProcessParts, { mayBlock }: HealthThread) {
  if (config.mode !== 'embedded') return undefined;
  const { buildWorker, onStuckLoop } = await import('@holdfast/worker');
  const worker = await buildWorker({
    config,
    runtime,
    logger: logger.child({ part: 'worker' }),
    mayBlock,
    // It is also what answers requests, and nobody else could run its jobs.
    onStuckLoop: onStuckLoop({ log: { ...config.log, service: 'api', version }, ends: false }),
  });
  measureWorker(worker, metrics.instruments('worker'));
  return worker;
}
