import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { cleanDeadLetters, listDeadLetters, redriveDeadLetters } from '@holdfast/contract';
import type { Queues } from '@holdfast/queue';
import { durationAt } from '../../http/durations.ts';

export interface DeadLetterRoutesOptions {
  readonly queues: Queues;
  readonly bodyLimitBytes: number;
}

/** What 10,000 ids take. */
const minBodyLimit = 8 * 1024 * 1024;

/** Every member is optional, and an empty body is none. */
interface Selection {
  readonly ids?: string[];
  readonly limit?: number;
  readonly olderThan?: string | number;
}

/** Jobs that have failed for good: a look at them, another try, or away with them. */
export const deadLetterRoutes: FastifyPluginAsyncTypebox<DeadLetterRoutesOptions> = async (
  app,
  { queues, bodyLimitBytes },
) => {
  const bodyLimit = Math.max(bodyLimitBytes, minBodyLimit);
  const config = { access: 'jobs:write', load: 'bulk', largeParts: { lists: { ids: 'texts' } } } as const;
  const many = { config, bodyLimit };
  app.get(
    '/v1/queues/:q/dead-letters',
    { config: { access: 'jobs:read', load: 'bulk' }, schema: listDeadLetters },
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
    { ...many, schema: redriveDeadLetters },
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
    { ...many, schema: cleanDeadLetters },
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
