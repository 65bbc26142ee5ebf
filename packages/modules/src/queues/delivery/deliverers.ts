import type { Logger } from '@holdfast/telemetry';
import type { QueuesSettings } from '../config/settings.ts';
import { Deliverer } from './deliver.ts';

/** Who sends what: a URL that came with a job is not trusted, one of the operator's is. */
export interface Deliverers {
  /** Refuses private addresses, unless HTTP_DELIVERY_ALLOW_PRIVATE allows them. */
  readonly forJobs: Deliverer;
  readonly forOperator: Deliverer;
}

export function createDeliverers({ allowPrivate }: QueuesSettings['httpDelivery'], logger: Logger): Deliverers {
  let isTold = false;
  const onUnsigned = (): void => {
    if (isTold) return;
    isTold = true;
    logger.warn(
      'deliveries are not signed, so receivers cannot tell them from forged ones: set WEBHOOK_SECRET, or secrets of the queue',
    );
  };
  return {
    forJobs: new Deliverer({ allowPrivate, onUnsigned }),
    forOperator: new Deliverer({ allowPrivate: true, onUnsigned }),
  };
}
