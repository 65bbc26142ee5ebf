import type { HoldfastConfig } from '@holdfast/modules';
import { measureWorker } from '@holdfast/modules';
import { exitCodes, keepParentTold, StartError, startProcess, version } from '@holdfast/runtime';
import { buildHealthServer } from './health-server.ts';
import { buildWorker } from './worker.ts';

/** The worker as a process, as `main.ts` starts it. Ends the process when it fails. */
export async function work(env: NodeJS.ProcessEnv, cwd: string): Promise<void> {
  const withoutRedis = 'going on without Redis: jobs run when it is there';
  await startProcess({ service: 'worker', env, cwd, servesApi: false, withoutRedis, adapt }, async (parts) => {
    const { config, logger, metrics, runtime } = parts;
    const { mode } = config;
    const worker = await buildWorker(parts);
    // The worker has connections of its own, which count too.
    await parts.connect();
    measureWorker(worker, metrics.instruments('worker'));
    const { enableFallback } = config.redis;
    const health = buildHealthServer({ worker, runtime, metrics, version, mode, enableFallback });
    const { host, port } = config.worker;
    const timeoutMs = config.server.shutdownTimeoutMs;
    return {
      app: health,
      port: { host, port, variables: { host: 'WORKER_HOST', port: 'WORKER_PORT' } },
      steps: [
        // The jobs first: health and metrics go on answering while they drain. What is left closes in the last second.
        { name: 'jobs', close: () => worker.close({ timeoutMs: Math.max(1000, timeoutMs - 2000) }) },
        { name: 'health', close: () => health.close() },
      ],
      async opened(address) {
        keepParentTold(() => ({}));
        await worker.start();
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
