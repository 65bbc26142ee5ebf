import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { getHealth, getLive, getReady } from '@holdfast/contract';
import type { Readiness } from '@holdfast/contract';
import { healthReport, isReady, type HealthSources } from './report.ts';
import { sendReport } from './send-report.ts';

export const healthRoutes: FastifyPluginAsyncTypebox<HealthSources> = async (app, sources) => {
  app.get(
    '/health/live',
    { config: { access: 'public', load: 'probe' }, schema: getLive },
    async (): Promise<Readiness> => ({
      status: 'ok',
    }),
  );

  app.get(
    '/health/ready',
    { config: { access: 'public', load: 'probe' }, schema: getReady },
    async (_request, reply): Promise<Readiness> => {
      if (app.isDraining) return reply.code(503).send({ status: 'closing' });
      return isReady(sources) ? { status: 'ok' } : reply.code(503).send({ status: 'down' });
    },
  );

  app.get('/health', { config: { access: 'any key', load: 'probe' }, schema: getHealth }, async (_request, reply) => {
    return sendReport(reply, await healthReport(sources));
  });
};
