import { boolean, groups, integer, names, optional, webUrl, withDefault } from '@holdfast/config/part';
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
  HOLDFAST_GENERATION: optional(
    groups.jobs,
    integer(0, Number.MAX_SAFE_INTEGER),
    'The number of this release, for the schedules that it declares: those of a higher one hold, whatever a lower one declares. Give one to roll back at once, and a higher one with each release from then on.',
    { fallbackNote: '0: of releases of one number the later holds', example: '42' },
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
