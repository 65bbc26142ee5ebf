import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { addJob, getJob, type NewJob } from '@holdfast/contract';
import { JobInvalidError, JobOptionsInvalidError, maxWaitMs as longestWaitMs } from '@holdfast/queue';
import type { AddResult, Queues } from '@holdfast/queue';
import type { FastifyRequest } from 'fastify';
import { durationAt } from '../../http/durations.ts';
import { ApiError } from '../../http/errors.ts';
import type { LoadClass } from '../../http/fastify.ts';
import { toJobOptions } from './job-options.ts';
import { detailInRequest, issuesInRequest } from './request-issues.ts';
import { jobNotFound } from './job-not-found.ts';

export interface JobRoutesOptions {
  readonly queues: Queues;
  readonly jobLimitBytes: number;
  /** `?wait` ends before the request does. */
  readonly maxWaitMs: number;
}

export const jobRoutes: FastifyPluginAsyncTypebox<JobRoutesOptions> = async (
  app,
  { queues, jobLimitBytes, maxWaitMs },
) => {
  app.post(
    '/v1/queues/:q/jobs',
    // All that an add waits for has a deadline: the store, the patience for it, the outbox.
    {
      config: { access: 'jobs:write', endsByItself: true, largeParts: { value: ['data'] } },
      schema: addJob,
      bodyLimit: jobLimitBytes,
    },
    async ({ params, body }, reply) => {
      const added = await addTo(queues, params.q, body);
      if (!added.duplicate) {
        reply.header('location', `/v1/queues/${encodeURIComponent(params.q)}/jobs/${encodeURIComponent(added.id)}`);
      }
      if (added.duplicate) return reply.code(200).send(added);
      const { id, queue, state } = added;
      return state === 'outbox' ? reply.code(202).send({ id, queue, accepted: state }) : reply.code(201).send(added);
    },
  );

  app.get(
    '/v1/queues/:q/jobs/:id',
    { config: { access: 'jobs:read', load: loadOf }, schema: getJob },
    async ({ params, query, ended }) => {
      const waitMs = query.wait === undefined ? 0 : durationAt('query.wait', query.wait, { max: longestWaitMs });
      const job = await queues.get(params.q, params.id, {
        waitMs: Math.min(waitMs, maxWaitMs),
        // A shutdown does not last as long as a wait may: those who wait are told how it stands now.
        ...(waitMs > 0 && { signal: AbortSignal.any([ended, app.closing]) }),
      });
      if (job === undefined) throw jobNotFound();
      return job;
    },
  );
};

function loadOf({ query }: FastifyRequest): LoadClass {
  return (query as { readonly wait?: unknown }).wait === undefined ? 'read' : 'wait';
}

/** Adds a job, and says of one that is wrong where in the request it is. */
async function addTo(queues: Queues, queue: string, { name, data, options }: NewJob): Promise<AddResult> {
  try {
    return await queues.add(queue, {
      data,
      ...(name !== undefined && { name }),
      ...(options !== undefined && { options: toJobOptions(options) }),
    });
  } catch (error) {
    if (!(error instanceof JobInvalidError || error instanceof JobOptionsInvalidError)) throw error;
    const { code, status } = error;
    const issues = issuesInRequest(error);
    throw new ApiError({ code, status, title: '' }, detailInRequest(error, issues), { issues, cause: error });
  }
}
