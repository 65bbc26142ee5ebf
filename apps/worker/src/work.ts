import { url as inspectorUrl } from 'node:inspector';
import type { HoldfastConfig } from '@holdfast/modules';
import { measureWorker } from '@holdfast/modules';
import { exitCodes, keepParentTold, StartError, startProcess, version } from '@holdfast/runtime';
import { buildHealthPort } from './health-port.ts';
import type { HealthSources } from './health.ts';
import { onStuckLoop } from './stuck-loop.ts';
import { buildWorker } from './worker.ts';

/** The worker as a process, as `main.ts` starts it. Ends the process when it fails. */
export async function work(env: NodeJS.ProcessEnv, cwd: string): Promise<void> {
  const withoutRedis = 'going on without Redis: jobs run when it is there';
  await startProcess({ service: 'worker', env, cwd, servesApi: false, withoutRedis, adapt }, async (parts) => {
    const { config, logger, metrics, runtime } = parts;
    const { mode } = config;
    const health = buildHealthPort({ logger, metrics, sources: () => sources });
    const worker = await buildWorker({
      ...parts,
      mayBlock: health.mayBlock,
      // Whoever debugs it stops its loop.
      onStuckLoop: onStuckLoop({
        log: { ...config.log, service: 'worker', version },
        ends: inspectorUrl() === undefined,
      }),
    });
    const sources: HealthSources = { worker, runtime, version, mode, enableFallback: config.redis.enableFallback };
    // The worker has connections of its own, which count too.
    await parts.connect();
    measureWorker(worker, metrics.instruments('worker'));
    const { host, port } = config.worker;
    const timeoutMs = config.server.shutdownTimeoutMs;
    return {
      listen: () => health.open({ host, port, variables: { host: 'WORKER_HOST', port: 'WORKER_PORT' } }),
      steps: [
        {
          name: 'jobs',
          async close() {
            // Health and metrics go on answering while they drain. What is left closes in the last second.
            const drained = worker.close({ timeoutMs: Math.max(1000, timeoutMs - 2000) });
            health.publish();
            await drained;
          },
        },
      ],
      async opened(address) {
        keepParentTold(() => ({}));
        await worker.start();
        health.publish();
        logger.info({ health: address, mode, queues: Object.keys(worker.status()) }, 'ready');
      },
    };
  });
}

function adapt(config: HoldfastConfig): HoldfastConfig {
  if (config.mode === 'embedded') {
    throw new StartError(
      'Without a Redis the worker runs inside the API process: start only the API, or set REDIS_URL for both.',
      exitCodes.misconfigured,
    );
  }
  return config;
}
