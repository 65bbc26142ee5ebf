import type { Config } from '@holdfast/config';
import { httpDelivery, sourceSync } from '@holdfast/jobs';
import type { Handler, OnGivenUp, QueueBackend } from '@holdfast/queue';
import type { Sources } from '@holdfast/sources';
import type { Logger } from '@holdfast/telemetry';
import { createDeliverers } from '../delivery/deliverers.ts';
import { FailureNotices } from '../delivery/failure-notices.ts';
import { declaredQueueHandler } from './declared-queue.ts';
import { httpDeliveryHandler } from './http-delivery.ts';
import { sourceSyncHandler } from './source-sync.ts';

export interface Handlers {
  /** By queue: those of the catalogue, and those that the configuration declares. */
  readonly byQueue: Readonly<Record<string, Handler>>;
  /** For the consumers of all of them. */
  readonly onGivenUp: OnGivenUp;
  /** Once no job runs any more. */
  readonly close: () => Promise<void>;
}

export interface HandlersDependencies {
  readonly config: Pick<Config, 'disabled' | 'httpDelivery' | 'queues' | 'upstream'>;
  readonly sources: Sources;
  readonly backend: QueueBackend;
  readonly logger: Logger;
}

/** What runs the jobs of each queue. */
export function createHandlers({ config, sources, backend, logger }: HandlersDependencies): Handlers {
  const deliverers = createDeliverers(config.httpDelivery, logger);
  const notices = new FailureNotices({ config, deliverers, backend, logger });
  const byQueue: Record<string, Handler> = {
    [sourceSync.name]: sourceSyncHandler(sources, { hasUpstream: config.upstream.baseUrl !== null }) as Handler,
    [httpDelivery.name]: httpDeliveryHandler({ config: config.httpDelivery, deliverers, notices }),
  };
  for (const name of config.disabled.queues) delete byQueue[name];
  for (const [name, { delivery }] of Object.entries(config.queues)) {
    if (delivery === undefined) continue;
    byQueue[name] = declaredQueueHandler(delivery, { config: config.httpDelivery, deliverers });
  }
  return {
    byQueue,
    onGivenUp: async (job) => notices.tell(job),
    close: async () => {
      await Promise.all([deliverers.forJobs.close(), deliverers.forOperator.close()]);
    },
  };
}
