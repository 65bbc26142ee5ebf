import { boolean, groups, names, optional, webUrl, withDefault } from '@holdfast/config/part';
import { queueName } from './queue-name.ts';
import { webhookSecret } from './webhook-secret.ts';

/** Which queues a worker serves, and how jobs are delivered over HTTP. */
export const queueVariables = {
  WORKER_QUEUES: optional(
    groups.jobs,
    names(queueName, 'comma-separated names of queues'),
    'The queues that this worker serves, so that queues can scale apart.',
    { fallbackNote: 'all of them', example: 'source-sync,http-delivery', before: 'WORKER_PROFILE' },
  ),
  HTTP_DELIVERY_ALLOW_PRIVATE: withDefault(
    groups.jobs,
    boolean,
    'false',
    'Whether URLs that come with a job may point to private and loopback addresses.',
  ),
  WEBHOOK_URL: optional(
    groups.jobs,
    webUrl,
    'Told of every job that has failed for good, as a signed `job.failed` event; may be a private address.',
    {
      secret: true,
      example: 'https://hooks.example.com/holdfast',
    },
  ),
  WEBHOOK_SECRET: optional(
    groups.jobs,
    webhookSecret,
    'Signs deliveries (Standard Webhooks). Without any secret they are not signed, which is warned about.',
    { secret: true },
  ),
  WEBHOOK_SECRET_PREVIOUS: optional(
    groups.jobs,
    webhookSecret,
    'Signs deliveries as well, with a signature of its own, while receivers change over to a new WEBHOOK_SECRET.',
    { secret: true },
  ),
} as const;
