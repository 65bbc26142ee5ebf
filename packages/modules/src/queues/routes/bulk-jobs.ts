import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { type AddedJobItem, addJobs, NewJob } from '@holdfast/contract';
import { JobTooLargeError, OutboxError, OutboxFullError, QueueUnavailableError } from '@holdfast/queue';
import type { AddJob, AddManyItem, Queues } from '@holdfast/queue';
import { HoldfastError, Turns } from '@holdfast/redis-core';
import { Type } from 'typebox';
import { compileItem, requireNoIssues } from '../../http/compile-validator.ts';
import { durationAt } from '../../http/durations.ts';
import { apiErrors } from '../../http/errors.ts';
import { parseJson, readItem, requireBoundedValue } from '../../http/json-body.ts';
import { toJobOptions } from './job-options.ts';
import { detailInRequest, issuesInRequest } from './request-issues.ts';

export interface BulkJobRoutesOptions {
  readonly queues: Queues;
  readonly bodyLimitBytes: number;
  /** Of one job among them. */
  readonly jobLimitBytes: number;
}

/** Its jobs as the bytes of their JSON. */
interface BulkJobsBody {
  readonly jobs: readonly Buffer[];
  readonly spread?: string | number;
}

/** To find out what is wrong with a job takes as long as to look through so many bytes. */
const rejectedBytes = 16 * 1024;

/** What 10,000 small jobs take. */
const minBodyLimit = 8 * 1024 * 1024;

export const bulkJobRoutes: FastifyPluginAsyncTypebox<BulkJobRoutesOptions> = async (
  app,
  { queues, bodyLimitBytes, jobLimitBytes },
) => {
  app.post(
    '/v1/queues/:q/jobs/bulk',
    {
      config: { access: 'jobs:write', load: 'bulk', largeParts: { lists: { jobs: 'items' } } },
      schema: { ...addJobs, body: Type.Unsafe<BulkJobsBody>(addJobs.body) },
      bodyLimit: Math.max(bodyLimitBytes, minBodyLimit),
    },
    async ({ params, body, ended }) => {
      // Before the jobs are looked at: an unknown queue is the answer to all of them.
      queues.definition(params.q);
      const items: AddedJobItem[] = [];
      const jobs: AddJob[] = [];
      const places: number[] = [];
      const turns = new Turns();
      for (const [index, bytes] of body.jobs.entries()) {
        const turn = turns.worked(bytes.length);
        if (turn !== undefined) await turn;
        try {
          jobs.push(jobOf(bytes, jobLimitBytes));
          places.push(index);
        } catch (error) {
          items[index] = { index, status: 'rejected', error: errorOf(error) };
          await turns.worked(rejectedBytes + 16 * bytes.length);
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

const issuesOf = compileItem(NewJob);

/** @throws ApiError of what is wrong with the job, whatever its data is */
function jobOf(bytes: Buffer, jobLimitBytes: number): AddJob {
  if (bytes.length > jobLimitBytes) throw new JobTooLargeError(bytes.length, jobLimitBytes);
  const { envelope, own } = readItem(bytes, ['data'], '');
  const { data } = own;
  requireNoIssues(issuesOf(envelope, ''));
  if (data !== undefined) requireBoundedValue(data.part, '/data');
  const { name, options } = envelope as NewJob;
  return {
    /** Parsed when it is asked for: so of thousands of jobs those have their data in memory that are about to be sent. */
    get data() {
      return data === undefined ? undefined : parseJson(data.bytes);
    },
    ...(name === undefined ? {} : { name }),
    ...(options === undefined ? {} : { options: toJobOptions(options) }),
  };
}

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
