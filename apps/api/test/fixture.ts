import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '@holdfast/config';
import { configParts, modules, type HoldfastConfig } from '@holdfast/modules';
import { eventually, uniquePrefix, useRedis } from '@holdfast/testing';
import { createLogger, createMetrics } from '@holdfast/telemetry';
import type { Metrics } from '@holdfast/telemetry';
import type { FastifyInstance } from 'fastify';
import { buildApp } from '../src/app.ts';
import { createRuntime, measureModules } from '@holdfast/runtime';
import type { Runtime } from '@holdfast/runtime';

export interface ApiOptions {
  /** What holds the cache. The queue is on Redis, but for `embedded`, which is without any. Default `redis`. */
  readonly engine?: 'redis' | 'memory' | 'embedded';
  readonly env?: Readonly<Record<string, string>>;
  /** A Redis of the test's own, which is there at the start. The test may kill it, but not freeze it. Default: the shared one. */
  readonly redis?: { readonly url: string };
  /** Default: so much that a machine which is busy is no overload. */
  readonly maxLoopDelayMs?: number;
  readonly adjust?: (config: HoldfastConfig) => HoldfastConfig;
}

export interface Api {
  readonly app: FastifyInstance;
  readonly config: HoldfastConfig;
  readonly runtime: Runtime;
  readonly metrics: Metrics;
  /** Lines of the log so far. */
  readonly log: readonly string[];
  close(): Promise<void>;
}

/** For a Redis that a test kills but does not freeze: a machine that is busy for a moment is then no outage. */
export const patientProbe = { REDIS_PROBE_DEADLINE_MS: '30000' } as const;

/** The whole service but its process, under keys of its own. */
export async function startApi({
  engine = 'redis',
  env = {},
  redis,
  maxLoopDelayMs = 0,
  adjust = (config) => config,
}: ApiOptions = {}): Promise<Api> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-api-'));
  // Nobody breaks the Redis that tests share: a busy machine is no outage.
  const isShared = engine !== 'embedded' && env['REDIS_URL'] === undefined && redis === undefined;
  const loaded = loadConfig({
    parts: configParts(modules),
    cwd: directory,
    env: {
      NODE_ENV: 'test',
      ...(engine !== 'embedded' && { REDIS_URL: redis?.url ?? useRedis().url }),
      ...(redis !== undefined && patientProbe),
      ...(isShared && { ...patientProbe, REDIS_COMMAND_TIMEOUT_MS: '30000' }),
      REDIS_KEY_PREFIX: uniquePrefix('api'),
      ...env,
    },
  });
  const outbox = { ...loaded.queues.outbox, ...(isShared && { patienceMs: 60_000 }) };
  const patient = { ...loaded, queues: { ...loaded.queues, outbox } };
  const config = adjust(engine === 'memory' ? inMemory(patient) : patient);
  const log: string[] = [];
  const logger = createLogger({ service: 'api', level: 'debug', stream: { write: (line) => void log.push(line) } });
  const metrics = createMetrics({ service: 'api' });
  const readParts = measureModules(modules, metrics);
  const runtime = await createRuntime(config, { modules, usesFallback: true });
  readParts(runtime);
  runtime.work.start(logger);
  const app = await buildApp({ config, runtime, logger, metrics, maxLoopDelayMs });
  // Such a Redis is there: the tests begin when the connections are, too.
  if (env['REDIS_URL'] === undefined) {
    await eventually(() => {
      const { cache, durable } = runtime.engines;
      const all = [cache.status, durable.status, runtime.parts.queues.backend.status];
      if (!all.every(({ available }) => available)) throw new Error('Redis is not connected yet.');
    });
  }
  return {
    app,
    config,
    runtime,
    metrics,
    log,
    async close() {
      await app.close();
      await runtime.close();
      metrics.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function inMemory(config: HoldfastConfig): HoldfastConfig {
  const target = { kind: 'memory' } as const;
  const { redis } = config;
  return { ...config, redis: { ...redis, cache: { ...redis.cache, target }, durable: { ...redis.durable, target } } };
}

/** A new API key: its token, and its entry for HOLDFAST_API_KEYS. `grant` is `scope+scope@namespace`. */
export function makeKey(id: string, grant: string): { readonly token: string; readonly entry: string } {
  const token = `hf_${id}_${randomBytes(24).toString('base64url')}`;
  return { token, entry: `${id}:${createHash('sha256').update(token).digest('hex')}:${grant}` };
}

/** What every error answer must look like. */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly code: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
}
