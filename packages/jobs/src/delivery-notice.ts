import { defineQueue, type QueueDefinition } from '@holdfast/queue';
import { Type, type Static } from 'typebox';
import { httpDelivery, type deliveryResponse } from './http-delivery.ts';

const payload = Type.Object(
  {
    notice: Type.Object(
      {
        to: Type.Enum(['job', 'queue', 'webhook'], {
          description:
            'Where it goes: to a URL that came with the job, to that of its queue, or to WEBHOOK_URL. The last two are looked up when it is delivered, because they are the operator’s and may be private.',
        }),
        url: Type.Optional(Type.String({ description: 'Of `job`.' })),
        queue: Type.String({ description: 'Of the job that it is about.' }),
        webhookId: Type.String({ description: 'The same for all attempts.' }),
        body: Type.Unknown(),
      },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
);

export type DeliveryNoticeData = Static<typeof payload>;

/**
 * The second kind of job in the queue http-delivery: says that a job has failed for good. It is not in the catalogue, so
 * nobody outside can add one: it may go to a private address, signed with the operator's secret.
 */
export const deliveryNotice: QueueDefinition<'http-delivery', typeof payload, typeof deliveryResponse> = defineQueue({
  ...httpDelivery,
  payload,
});
