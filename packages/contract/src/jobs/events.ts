import { Type } from 'typebox';
import { emptyAnswer, textAnswer } from '../answers.ts';
import { problems } from '../problems.ts';
import { strictObject } from '../requests.ts';
import { jobId, queueName } from './job.ts';

const stream = `retry: 1000

id: 1767225600000-0.0
event: state
data: {"state":"active"}

id: 1767225600042-0.0
event: completed
data: {"result":{"status":204}}

`;

export const followJob = {
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
    200: textAnswer('The stream.', 'text/event-stream', stream),
    204: emptyAnswer('The last event that was seen is the end of the job: do not connect again.'),
    ...problems('QUEUE_UNKNOWN', 'JOB_NOT_FOUND', 'QUEUE_UNAVAILABLE', 'TOO_MANY_STREAMS'),
  },
};
