import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { deleteSchedule, getSchedule, listSchedules, putSchedule } from '@holdfast/contract';
import { JobInvalidError, JobOptionsInvalidError } from '@holdfast/queue';
import type { Queues, ScheduleView } from '@holdfast/queue';
import { durationAt } from '../../http/durations.ts';
import { ApiError, apiErrors } from '../../http/errors.ts';
import { toJobOptions } from './job-options.ts';
import { detailInRequest, issuesInRequest } from './request-issues.ts';

export interface ScheduleRoutesOptions {
  readonly queues: Queues;
  readonly jobLimitBytes: number;
}

const path = '/v1/queues/:q/schedules/:id';

export const scheduleRoutes: FastifyPluginAsyncTypebox<ScheduleRoutesOptions> = async (
  app,
  { queues, jobLimitBytes },
) => {
  const read = { access: 'jobs:read' } as const;
  const write = { access: 'jobs:write' } as const;
  const { schedules } = queues;

  app.get('/v1/queues/:q/schedules', { config: read, schema: listSchedules }, async ({ params }) => ({
    schedules: (await schedules.list(params.q)).map((schedule) => toReply(schedule)),
  }));

  app.get(path, { config: read, schema: getSchedule }, async ({ params }) => {
    const schedule = await schedules.get(params.q, params.id);
    if (schedule === undefined) throw scheduleNotFound();
    return toReply(schedule);
  });

  const large = { config: { ...write, largeParts: { value: ['job', 'data'] } }, bodyLimit: jobLimitBytes };
  app.put(path, { ...large, schema: putSchedule }, async ({ params, body }) => {
    const { pattern, tz, every, paused, job } = body;
    const { name, data, options } = job;
    const schedule = await schedules
      .put(params.q, params.id, {
        ...(pattern !== undefined && { pattern }),
        ...(tz !== undefined && { tz }),
        ...(every !== undefined && { everyMs: durationAt('/every', every) }),
        ...(paused !== undefined && { paused }),
        job: {
          data,
          ...(name !== undefined && { name }),
          ...(options !== undefined && { options: toJobOptions(options, '/job/options') }),
        },
      })
      .catch(inRequestBody);
    return toReply(schedule);
  });

  app.delete(path, { config: write, schema: deleteSchedule }, async ({ params }, reply) => {
    if (!(await schedules.remove(params.q, params.id))) throw scheduleNotFound();
    return reply.code(204).send(null);
  });
};

function toReply({ everyMs, upcoming, job: { name, data, options }, ...others }: ScheduleView) {
  return {
    ...others,
    ...(everyMs !== undefined && { every: everyMs }),
    upcoming: [...upcoming],
    job: { name, data, ...(options !== undefined && { options: withoutUnits(options) }) },
  };
}

/** Durations are named as they are taken: a number there is milliseconds. */
function withoutUnits(value: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value).map(([name, member]: [string, unknown]) => [
      name.replace(/([a-z])Ms$/, '$1'),
      typeof member === 'object' && member !== null ? withoutUnits(member) : member,
    ]),
  );
}

function scheduleNotFound(): ApiError {
  return new ApiError(apiErrors.scheduleNotFound, 'The queue has no schedule with this id.');
}

function inRequestBody(error: unknown): never {
  if (!(error instanceof JobInvalidError || error instanceof JobOptionsInvalidError)) throw error;
  const { code, status } = error;
  const issues = issuesInRequest(error, '/job/data').map(({ path: at, message }) => ({
    path: at === '/id' ? 'params.id' : at,
    message,
  }));
  throw new ApiError({ code, status, title: '' }, detailInRequest(error, issues), { issues, cause: error });
}
