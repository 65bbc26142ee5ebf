import { isAccessRefused } from '@holdfast/redis-core';
import type { QueuesPart } from '@holdfast/modules';
import type { Runtime } from './create-runtime.ts';

/** What a process is connected to: its engines, and the store of its queues. */
export interface Connections extends Pick<Runtime, 'engines'> {
  readonly parts: { readonly queues: { readonly backend: Pick<QueuesPart['backend'], 'status'> } };
}

/**
 * Whether a Redis refuses access to this process and never granted it: a mistake in its configuration, which no waiting
 * mends, so that requests had better go elsewhere. One that had been connected goes on as in an outage.
 */
export function isLockedOut({ engines, parts }: Connections): boolean {
  return [engines.cache, engines.durable, parts.queues.backend].some(
    ({ status }) => status.neverConnected === true && isAccessRefused(status.fault),
  );
}
