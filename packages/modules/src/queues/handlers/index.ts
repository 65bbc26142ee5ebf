import type { deliveryNotice, httpDelivery } from '@holdfast/jobs';
import type { Handler } from '@holdfast/queue';
import type { Logger } from '@holdfast/telemetry';
import type { Handlers, NoNeeds, Running } from '../../module.ts';
import type { QueuesSettings } from '../config/settings.ts';
import type { QueuesPart } from '../create.ts';
import { createDeliverers } from '../delivery/deliverers.ts';
import { FailureNotices } from '../delivery/failure-notices.ts';
import { declaredQueueHandler } from './declared-queue.ts';
import { DeclaredSchedules } from './declared-schedules.ts';
import { httpDeliveryHandler } from './http-delivery.ts';

export interface QueuesHandlersContext extends Running<QueuesSettings, NoNeeds, QueuesPart> {
  readonly logger: Logger;
}

/** What delivers jobs over HTTP: those that name a URL themselves, and those of the queues that the configuration declares. */
export function createHandlers({
  settings,
  part,
  logger,
}: QueuesHandlersContext): Handlers<readonly [typeof httpDelivery, typeof deliveryNotice]> {
  const deliverers = createDeliverers(settings.httpDelivery, logger);
  const notices = new FailureNotices({ settings, deliverers, backend: part.backend, logger });
  const schedules = new DeclaredSchedules({ settings, part, logger });
  const declared: Record<string, Handler> = {};
  for (const [name, { delivery }] of Object.entries(settings.byName)) {
    if (delivery !== undefined) declared[name] = declaredQueueHandler(delivery, { settings, deliverers });
  }
  return {
    byQueue: { 'http-delivery': httpDeliveryHandler({ settings, deliverers, notices }), ...declared },
    onGivenUp: async (job) => notices.tell(job),
    start: () => schedules.start(),
    stop: async () => schedules.close(),
    close: async () => {
      await Promise.all([deliverers.forJobs.close(), deliverers.forOperator.close()]);
    },
  };
}
