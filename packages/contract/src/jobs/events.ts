import { Type } from 'typebox';
import { emptyResponse, problems, strictObject } from '../schema.ts';
import { jobId, queueName } from './job.ts';

export const jobEvents = {
  operationId: 'followJob',
  summary: 'Follow a job by its events',
  description:
    'Server-Sent Events: `state` `{state}`, `progress` `{progress}`, `log` `{line}`, and at the end `completed` `{result}` or `failed` `{error}`. It begins with how the job stands and closes after its end, so it works for a job that has ended, too; for one that is removed the last event is the state `unknown`. Each event has an `id`: with it as `Last-Event-ID` a new stream begins with what was missed, as long as the store keeps it (some 10000 events a queue). A comment comes while nothing happens. Who does not read is cut off.',
  tags: ['jobs'],
  params: strictObject({ q: queueName, id: jobId }),
  headers: Type.Object({
    'last-event-id': Type.Optional(
      Type.String({ maxLength: 64, description: 'Of the last event that was seen.', examples: ['1767225600000-0.0'] }),
    ),
  }),
  response: {
    200: { description: 'The stream.', content: { 'text/event-stream': { schema: Type.String() } } },
    204: emptyResponse('The last event that was seen is the end of the job: do not connect again.'),
    ...problems(404),
  },
};
