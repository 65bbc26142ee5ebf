import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '@holdfast/config';
import { configParts, modules, type HoldfastConfig } from '@holdfast/modules';
import type { JobOptions, JobView } from '@holdfast/queue';
import { createRuntime } from '@holdfast/runtime';
import type { Runtime } from '@holdfast/runtime';
import { createLogger } from '@holdfast/telemetry';
import { eventually, uniquePrefix, useRedis } from '@holdfast/testing';
import { expect } from 'vitest';
import { buildWorker } from '../src/worker.ts';
import type { WorkerRuntime } from '../src/worker.ts';

export type Backend = 'redis' | 'embedded';

export interface TestWorkerOptions {
  /** Default `redis`: the shared one, unless `env` names another. */
  readonly backend?: Backend;
  readonly env?: Readonly<Record<string, string>>;
  /** The text of its holdfast.yaml. */
  readonly yaml?: string;
  /** What the worker is built from, in place of the runtime itself. */
  readonly adapt?: (runtime: Runtime) => Runtime;
  readonly stuckAfterMs?: number;
}

export interface TestWorker {
  readonly config: HoldfastConfig;
  readonly runtime: Runtime;
  readonly worker: WorkerRuntime;
  /** Lines of the log so far. */
  readonly log: readonly string[];
  add(queue: string, data: unknown, options?: JobOptions): Promise<string>;
  /** The job once it has ended. */
  ended(queue: string, id: string): Promise<JobView>;
  /** Adds a job and returns it once it has ended. */
  run(queue: string, data: unknown, options?: JobOptions): Promise<JobView>;
  close(): Promise<void>;
}

/** A worker on everything that it needs, under keys (or in a folder) of its own. It is not started. */
export async function createTestWorker({
  backend = 'redis',
  env = {},
  yaml,
  adapt = (runtime) => runtime,
  stuckAfterMs,
}: TestWorkerOptions = {}): Promise<TestWorker> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-worker-'));
  if (yaml !== undefined) await writeFile(join(directory, 'holdfast.yaml'), yaml);
  // Nobody breaks the Redis that tests share: a busy machine is no outage.
  const isShared = backend === 'redis' && env['REDIS_URL'] === undefined;
  const patience = isShared ? { REDIS_PROBE_DEADLINE_MS: '30000', REDIS_COMMAND_TIMEOUT_MS: '30000' } : {};
  const redis = backend === 'redis' ? { REDIS_URL: useRedis().url, ...patience } : {};
  const config = loadConfig({
    parts: configParts(modules),
    cwd: directory,
    env: {
      NODE_ENV: 'test',
      REDIS_KEY_PREFIX: uniquePrefix('worker'),
      HTTP_DELIVERY_ALLOW_PRIVATE: 'true',
      ...redis,
      ...env,
    },
  });
  const log: string[] = [];
  const logger = createLogger({ service: 'worker', stream: { write: (line) => void log.push(line) } });
  const runtime = await createRuntime(config, { modules });
  const worker = await buildWorker({
    config,
    logger,
    runtime: adapt(runtime),
    ...(stuckAfterMs !== undefined && { stuckAfterMs }),
  });
  const { queues } = runtime.parts.queues;

  const add = async (queue: string, data: unknown, options: JobOptions = {}): Promise<string> =>
    (await queues.add(queue, { data, options })).id;
  const ended = async (queue: string, id: string): Promise<JobView> =>
    eventually(async () => {
      const job = await queues.get(queue, id, { waitMs: 30_000 });
      expect(job?.state).toMatch(/^(completed|failed)$/);
      return job as JobView;
    });
  return {
    config,
    runtime,
    worker,
    log,
    add,
    ended,
    run: async (queue, data, options) => ended(queue, await add(queue, data, options)),
    async close() {
      await worker.close({ timeoutMs: 5000 });
      await runtime.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
