import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { getHealth, getLive, getReady } from '@holdfast/contract';
import type { Readiness } from '@holdfast/contract';
import { answerReady, live } from './probes.ts';
import { healthReport, type HealthSources } from './report.ts';
import { sendReport } from './send-report.ts';

export const healthRoutes: FastifyPluginAsyncTypebox<HealthSources> = async (app, sources) => {
  app.get(
    '/health/live',
    { config: { access: 'public', load: 'probe' }, schema: getLive },
    async (): Promise<Readiness> => live.body,
  );

  app.get(
    '/health/ready',
    { config: { access: 'public', load: 'probe' }, schema: getReady },
    async (_request, reply): Promise<Readiness> => {
      const { status, body } = answerReady(app, sources);
      return reply.code(status).send(body);
    },
  );

  app.get('/health', { config: { access: 'any key', load: 'probe' }, schema: getHealth }, async (_request, reply) => {
    return sendReport(reply, await healthReport(sources));
  });
};
