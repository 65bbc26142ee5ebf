import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { cleanDeadLetters, listDeadLetters, redriveDeadLetters } from '@holdfast/contract';
import type { Queues } from '@holdfast/queue';
import { durationAt } from '../../http/durations.ts';

/** Every member is optional, and an empty body is none. */
interface Selection {
  readonly ids?: string[];
  readonly limit?: number;
  readonly olderThan?: string | number;
}

/** Jobs that have failed for good: a look at them, another try, or away with them. */
export const deadLetterRoutes: FastifyPluginAsyncTypebox<{ readonly queues: Queues }> = async (app, { queues }) => {
  app.get(
    '/v1/queues/:q/dead-letters',
    { config: { access: 'jobs:read' }, schema: listDeadLetters },
    async ({ params, query: { cursor, limit } }) => {
      const page = await queues.deadLetters(params.q, {
        ...(cursor !== undefined && { cursor }),
        ...(limit !== undefined && { limit }),
      });
      return { jobs: [...page.jobs], cursor: page.cursor };
    },
  );

  app.post(
    '/v1/queues/:q/dead-letters/redrive',
    { config: { access: 'jobs:write', load: 'bulk' }, schema: redriveDeadLetters },
    async ({ params, body, ended }) => {
      const { ids, limit } = selectionOf(body);
      const report = await queues.redrive(params.q, {
        signal: ended,
        ...(ids !== undefined && { ids }),
        ...(limit !== undefined && { limit }),
      });
      return { ...report, errors: [...report.errors] };
    },
  );

  app.post(
    '/v1/queues/:q/dead-letters/clean',
    { config: { access: 'jobs:write', load: 'bulk' }, schema: cleanDeadLetters },
    async ({ params, body, ended }) => {
      const { ids, limit, olderThan } = selectionOf(body);
      return queues.cleanDeadLetters(params.q, {
        signal: ended,
        ...(ids !== undefined && { ids }),
        ...(limit !== undefined && { limit }),
        ...(olderThan !== undefined && { olderThanMs: durationAt('/olderThan', olderThan) }),
      });
    },
  );
};

function selectionOf(body: unknown): Selection {
  return body ?? {};
}
