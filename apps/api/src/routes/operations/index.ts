import { EndpointCache } from '@holdfast/cache';
import type { BaseConfig } from '@holdfast/config';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { getHealthSummary, getRedisHealth, getRedisMetrics } from '@holdfast/contract';
import type { FastifyRequest } from 'fastify';
import { isLockedOut } from '@holdfast/runtime';
import { healthReport, judge, readRedis, type HealthSources } from '../health/report.ts';
import { sendReport } from '../health/send-report.ts';
import { redisReport } from './redis-report.ts';

export interface OperationsOptions {
  readonly health: HealthSources;
  readonly config: BaseConfig;
}

const healthMs = { admin: 60_000, others: 120_000 };
/** Counting keys costs Redis something. */
const metricsMs = 10_000;

/** What those who operate the service look at. What costs something is kept for a while, in this process. */
export const operationRoutes: FastifyPluginAsyncTypebox<OperationsOptions> = async (app, { health, config }) => {
  const { engines } = health.runtime;
  const answers = new EndpointCache();

  app.get(
    '/api/health',
    { config: { access: 'any key', load: 'probe' }, schema: getHealthSummary },
    async (request, reply) => {
      const startedAt = performance.now();
      const ttlMs = isAdmin(request) ? healthMs.admin : healthMs.others;
      const { value: report, cached } = await answers.cached('health', ttlMs, () => healthReport(health));
      const responseTimeMs = Math.round((performance.now() - startedAt) * 100) / 100;
      return sendReport(reply, { ...report, responseTimeMs, cached });
    },
  );

  app.get(
    '/api/health/redis',
    { config: { access: 'any key', load: 'probe' }, schema: getRedisHealth },
    async (_request, reply) => {
      const { healthy, latencyMs, reason } = readRedis(engines, 'cache', await health.runtime.work.look());
      const status = judge(healthy, config.redis.enableFallback && !isLockedOut(health.runtime));
      const connected = engines.cache.kind !== 'memory' && healthy;
      return reply
        .code(status === 'down' ? 503 : 200)
        .send({ status, connected, latencyMs, ...(reason === undefined ? {} : { reason }) });
    },
  );

  app.get('/api/admin/redis/metrics', { config: { access: 'admin' }, schema: getRedisMetrics }, async () => {
    const { value } = await answers.cached('redis-metrics', metricsMs, () => redisReport(engines, config.redis));
    return { data: value };
  });
};

/** Also everybody, while no keys are configured. */
function isAdmin({ apiKey }: FastifyRequest): boolean {
  return apiKey === null || apiKey.scopes.includes('admin');
}
