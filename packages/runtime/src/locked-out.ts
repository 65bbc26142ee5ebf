import { isAccessRefused } from '@holdfast/redis-core';
import type { Runtime } from './create-runtime.ts';

/**
 * Whether a Redis refuses access to this process and never granted it: a mistake in its configuration, which no waiting
 * mends, so that requests had better go elsewhere. One that had been connected goes on as in an outage.
 */
export function isLockedOut({ engines, queueBackend }: Pick<Runtime, 'engines'> & LockableQueue): boolean {
  return [engines.cache, engines.durable, queueBackend].some(
    ({ status }) => status.neverConnected === true && isAccessRefused(status.fault),
  );
}

interface LockableQueue {
  readonly queueBackend: Pick<Runtime['queueBackend'], 'status'>;
}
