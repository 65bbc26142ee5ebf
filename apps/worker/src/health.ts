import {
  connectionsOfModules,
  connectionStates,
  isLockedOut,
  type Connections,
  type Probes,
  type Runtime,
} from '@holdfast/runtime';
import type { WorkerRuntime } from './worker.ts';

export interface HealthSources {
  readonly worker: Pick<WorkerRuntime, 'status' | 'stuck'>;
  readonly runtime: Pick<Runtime, 'engines' | 'eviction'> & Connections;
  readonly version: string;
  readonly mode: string;
  /** Whether an outage leaves the worker ready: it takes up its work by itself when Redis is back. */
  readonly enableFallback: boolean;
}

type Status = 'ok' | 'degraded' | 'down';

/** What the two probes of a worker are answered. Asks nobody. */
export function workerProbes(sources: HealthSources): Probes {
  const stuck = sources.worker.stuck();
  const status = statusOf(sources);
  return {
    // A fetch loop that stands still is mended by nothing but a new process.
    live:
      stuck.length === 0
        ? { status: 200, body: { status: 'ok' } }
        : { status: 503, body: { status: 'down', stuck: [...stuck] } },
    ready: { status: status === 'down' ? 503 : 200, body: { status } },
  };
}

/** The `/health` report of a worker. Asks nobody. */
export function workerReport(sources: HealthSources): { readonly status: Status; readonly [field: string]: unknown } {
  const { worker, runtime, version, mode } = sources;
  const { cache, durable } = runtime.engines;
  const { warnings } = runtime.eviction;
  const stuck = worker.stuck();
  return {
    status: statusOf(sources),
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
    queues: worker.status(),
    ...(stuck.length > 0 && { stuck }),
  };
}

function statusOf({ worker, runtime, enableFallback }: HealthSources): Status {
  const runs = worker.stuck().length === 0 && Object.values(worker.status()).every(({ running }) => running);
  if (!runs) return 'down';
  const states = connectionStates(runtime);
  // Nothing is won by sending probes away: it goes on by itself.
  if (!states.every(({ available }) => available)) return enableFallback && !isLockedOut(runtime) ? 'degraded' : 'down';
  // Which stand in the status of each connection.
  return states.some(({ refuses }) => refuses !== undefined) ? 'degraded' : 'ok';
}
