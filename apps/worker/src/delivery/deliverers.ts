import type { Config } from '@holdfast/config';
import { Deliverer } from './deliver.ts';

/** Who sends what: a URL that came with a job is not trusted, one of the operator's is. */
export interface Deliverers {
  /** Refuses private addresses, unless HTTP_DELIVERY_ALLOW_PRIVATE allows them. */
  readonly forJobs: Deliverer;
  readonly forOperator: Deliverer;
}

export function createDeliverers({ allowPrivate }: Config['httpDelivery']): Deliverers {
  return { forJobs: new Deliverer({ allowPrivate }), forOperator: new Deliverer({ allowPrivate: true }) };
}
