import { Readable } from 'node:stream';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { followJob } from '@holdfast/contract';
import { parseEventPosition } from '@holdfast/queue';
import type { EventPosition, JobEvent, Queues } from '@holdfast/queue';
import { ApiError, apiErrors, invalidRequest } from '../../http/errors.ts';
import { jobNotFound } from './job-not-found.ts';

export interface JobEventRoutesOptions {
  readonly queues: Queues;
  /** Shorter than an idle connection lives. */
  readonly heartbeatMs: number;
}

/** Streams at a time, in this process: each holds a connection and some memory; Redis is asked for all of them together. */
const maxStreams = 1000;
/** After how long a client connects again whose stream broke off, in milliseconds. */
const retryMs = 1000;

export const jobEventRoutes: FastifyPluginAsyncTypebox<JobEventRoutesOptions> = async (
  app,
  { queues, heartbeatMs },
) => {
  let streams = 0;

  app.get(
    '/v1/queues/:q/jobs/:id/events',
    // A HEAD would run the handler, whose answer does not end by itself.
    {
      config: { access: 'jobs:read', endsByItself: true, load: 'stream' },
      schema: followJob,
      exposeHeadRoute: false,
    },
    async ({ params, headers, ended }, reply) => {
      const since = positionOf(headers['last-event-id']);
      if (since?.hasEnded === true) return reply.code(204).send(null);
      if (streams >= maxStreams) {
        throw new ApiError(apiErrors.tooManyStreams, `There are ${maxStreams} streams already; ask again later.`);
      }
      if (!ended.aborted) {
        streams += 1;
        ended.addEventListener('abort', () => void (streams -= 1), { once: true });
      }
      const events = await queues.admin.watch(params.q, params.id, {
        signal: AbortSignal.any([ended, app.closing]),
        heartbeatMs,
        // Who does not read takes no error either: only the end of the connection tells.
        onOverflow: () => reply.raw.destroy(),
        ...(since !== undefined && { since }),
      });
      if (events === undefined) throw jobNotFound();
      return reply
        .type('text/event-stream; charset=utf-8')
        .header('cache-control', 'no-store')
        .header('x-accel-buffering', 'no')
        .send(Readable.from(render(events), { objectMode: false }));
    },
  );
};

/** @throws ApiError REQUEST_INVALID */
function positionOf(lastEventId: string | undefined): EventPosition | undefined {
  if (lastEventId === undefined || lastEventId === '') return undefined;
  const position = parseEventPosition(lastEventId);
  if (position === undefined) throw invalidRequest('headers.last-event-id', 'is not the id of an event');
  return position;
}

async function* render(events: AsyncIterable<JobEvent>): AsyncGenerator<string> {
  yield `retry: ${retryMs}\n\n`;
  for await (const event of events) {
    // JSON has no line breaks of its own, so one line holds the data.
    yield event.type === 'heartbeat'
      ? ':\n\n'
      : `id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event.data)}\n\n`;
  }
}
