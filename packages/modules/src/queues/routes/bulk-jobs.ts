import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { type AddedJobItem, addJobs, NewJob } from '@holdfast/contract';
import { OutboxError, OutboxFullError, QueueUnavailableError } from '@holdfast/queue';
import type { AddJob, AddManyItem, Queues } from '@holdfast/queue';
import { HoldfastError } from '@holdfast/redis-core';
import { durationAt } from '../../http/durations.ts';
import { apiErrors } from '../../http/errors.ts';
import type { ApiError } from '../../http/errors.ts';
import { compileValidator } from '../../http/compile-validator.ts';
import { toJobOptions } from './job-options.ts';
import { detailInRequest, issuesInRequest } from './request-issues.ts';

export interface BulkJobRoutesOptions {
  readonly queues: Queues;
  readonly bodyLimitBytes: number;
}

/** What 10,000 small jobs take. */
const minBodyLimit = 8 * 1024 * 1024;

export const bulkJobRoutes: FastifyPluginAsyncTypebox<BulkJobRoutesOptions> = async (
  app,
  { queues, bodyLimitBytes },
) => {
  const check = compileValidator({ schema: NewJob, method: 'POST', url: '/v1/queues/:q/jobs/bulk', httpPart: 'body' });

  /** @throws ApiError */
  const jobOf = (value: unknown): AddJob => {
    const checked = check(value) as true | { readonly error: ApiError };
    if (checked !== true) throw checked.error;
    const { name, data, options } = value as NewJob;
    return {
      data,
      ...(name === undefined ? {} : { name }),
      ...(options === undefined ? {} : { options: toJobOptions(options) }),
    };
  };

  app.post(
    '/v1/queues/:q/jobs/bulk',
    {
      config: { access: 'jobs:write', load: 'bulk' },
      schema: addJobs,
      bodyLimit: Math.max(bodyLimitBytes, minBodyLimit),
    },
    async ({ params, body, ended }) => {
      // Before the jobs are looked at: an unknown queue is the answer to all of them.
      queues.definition(params.q);
      const items: AddedJobItem[] = [];
      const jobs: AddJob[] = [];
      const places: number[] = [];
      for (const [index, value] of body.jobs.entries()) {
        try {
          jobs.push(jobOf(value));
          places.push(index);
        } catch (error) {
          items[index] = { index, status: 'rejected', error: errorOf(error) };
        }
      }
      const result = await queues.addMany(params.q, jobs, {
        signal: ended,
        ...(body.spread === undefined ? {} : { spreadMs: durationAt('/spread', body.spread) }),
      });
      failAsWhole(result.items);
      for (const { index: at, id, status, state, error } of result.items) {
        const index = places[at] ?? at;
        items[index] = {
          index,
          status,
          ...(id === undefined ? {} : { id }),
          ...(state === undefined ? {} : { state }),
          ...(error === undefined ? {} : { error: errorOf(error) }),
        };
      }
      const { accepted, duplicates } = result;
      return { accepted, duplicates, rejected: items.length - accepted - duplicates, items };
    },
  );
};

/** Where the store is away and nothing was kept, that is the answer: all of it may be sent again. */
function failAsWhole(items: readonly AddManyItem[]): void {
  const first = items[0]?.error;
  if (isAway(first) && items.every(({ error }) => isAway(error))) throw first;
}

function isAway(error: unknown): error is Error {
  return error instanceof QueueUnavailableError || error instanceof OutboxFullError || error instanceof OutboxError;
}

function errorOf(error: unknown): NonNullable<AddedJobItem['error']> {
  if (!(error instanceof HoldfastError)) {
    return { code: apiErrors.internal.code, detail: 'The job could not be added.' };
  }
  const { code } = error;
  const errors = issuesInRequest(error);
  return { code, detail: detailInRequest(error, errors), ...(errors.length > 0 && { errors }) };
}
