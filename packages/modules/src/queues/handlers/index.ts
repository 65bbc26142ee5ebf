import type { deliveryNotice, httpDelivery } from '@holdfast/jobs';
import type { Handler } from '@holdfast/queue';
import type { Logger } from '@holdfast/telemetry';
import type { Handlers, NoNeeds, Running } from '../../module.ts';
import type { QueuesSettings } from '../config/settings.ts';
import type { QueuesPart } from '../create.ts';
import { createDeliverers } from '../delivery/deliverers.ts';
import { FailureNotices } from '../delivery/failure-notices.ts';
import { loadHandlers } from '../own/load-handlers.ts';
import { declaredQueueHandler } from './declared-queue.ts';
import { DeclaredSchedules } from './declared-schedules.ts';
import { httpDeliveryHandler } from './http-delivery.ts';

export interface QueuesHandlersContext extends Running<QueuesSettings, NoNeeds, QueuesPart> {
  readonly logger: Logger;
}

/**
 * What delivers jobs over HTTP (those that name a URL themselves, and those of the queues that the configuration declares), and
 * the handlers that the installation brings along in files.
 * @throws OwnQueuesError when those files cannot be used
 */
export async function createHandlers({
  settings,
  part,
  logger,
}: QueuesHandlersContext): Promise<Handlers<readonly [typeof httpDelivery, typeof deliveryNotice]>> {
  // Those of other workers may need what is not here.
  const own = settings.own.pairs.filter(({ name }) => settings.served?.includes(name) !== false);
  const ownHandlers = await loadHandlers(own);
  const deliverers = createDeliverers(settings.httpDelivery, logger);
  const notices = new FailureNotices({ settings, deliverers, backend: part.backend, logger });
  const schedules = new DeclaredSchedules({ settings, part, logger });
  const declared: Record<string, Handler> = {};
  for (const [name, { delivery }] of Object.entries(settings.byName)) {
    if (delivery !== undefined) declared[name] = declaredQueueHandler(delivery, { settings, deliverers });
  }
  return {
    byQueue: {
      ...ownHandlers,
      ...declared,
      'http-delivery': httpDeliveryHandler({ settings, deliverers, notices }),
    },
    onGivenUp: async (job) => notices.tell(job),
    start: () => schedules.start(),
    stop: async () => schedules.close(),
    close: async () => {
      await Promise.all([deliverers.forJobs.close(), deliverers.forOperator.close()]);
    },
  };
}
