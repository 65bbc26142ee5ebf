import { connectionsOfModules, connectionStates, isLockedOut, type Connections, type Runtime } from '@holdfast/runtime';
import type { Metrics } from '@holdfast/telemetry';
import fastify, { type FastifyInstance } from 'fastify';
import type { WorkerRuntime } from './worker.ts';

export interface HealthServerOptions {
  readonly worker: Pick<WorkerRuntime, 'status' | 'stuck'>;
  readonly runtime: Pick<Runtime, 'engines' | 'eviction'> & Connections;
  readonly metrics: Metrics;
  readonly version: string;
  readonly mode: string;
  /** Whether an outage leaves the worker ready: it takes up its work by itself when Redis is back. */
  readonly enableFallback: boolean;
}

/**
 * What probes and Prometheus ask a worker for, on a port of its own: `/health/live`, `/health/ready`, `/health` and
 * `/metrics`. None of them waits for Redis.
 */
export function buildHealthServer(options: HealthServerOptions): FastifyInstance {
  const { worker, runtime, metrics, version, mode, enableFallback } = options;
  const app = fastify({ logger: false, requestTimeout: 5000, handlerTimeout: 5000, connectionTimeout: 10_000 });

  const report = (): { status: 'ok' | 'degraded' | 'down'; [field: string]: unknown } => {
    const consumers = worker.status();
    const stuck = worker.stuck();
    const running = stuck.length === 0 && Object.values(consumers).every((consumer) => consumer.running);
    const { cache, durable } = runtime.engines;
    const { warnings } = runtime.eviction;
    const states = connectionStates(runtime);
    const reachable = states.every(({ available }) => available);
    // Which stand in the status of each connection. Nothing is won by sending probes away: it goes on by itself.
    const refused = states.some(({ refuses }) => refuses !== undefined);
    const outage = enableFallback && !isLockedOut(runtime) ? 'degraded' : 'down';
    return {
      status: running ? (reachable ? (refused ? 'degraded' : 'ok') : outage) : 'down',
      version,
      uptime: Math.round(process.uptime()),
      mode,
      redis: {
        cache: { ...cache.status, warnings: warnings.cache },
        durable: { ...durable.status, warnings: warnings.durable },
        // What modules are connected to is on the durable one.
        ...Object.fromEntries(
          Object.entries(connectionsOfModules(runtime)).map(([name, { status }]) => [
            name,
            { ...status, warnings: warnings.durable },
          ]),
        ),
      },
      queues: consumers,
      ...(stuck.length > 0 && { stuck }),
    };
  };

  // A fetch loop that stands still is mended by nothing but a new process.
  app.get('/health/live', (_request, reply) => {
    const stuck = worker.stuck();
    return stuck.length === 0 ? { status: 'ok' } : reply.code(503).send({ status: 'down', stuck });
  });
  app.get('/health/ready', (_request, reply) => {
    const { status } = report();
    return reply.code(status === 'down' ? 503 : 200).send({ status });
  });
  app.get('/health', (_request, reply) => {
    const answer = report();
    return reply.code(answer.status === 'down' ? 503 : 200).send(answer);
  });
  app.get('/metrics', async (_request, reply) => {
    await reply.type(metrics.contentType).send(await metrics.text());
  });
  return app;
}
