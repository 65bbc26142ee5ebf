import { isAccessRefused } from '@holdfast/redis-core';
import { connectionStates, type Connections } from './connections.ts';

/**
 * Whether a Redis refuses access to this process and never granted it: a mistake in its configuration, which no waiting
 * mends, so that requests had better go elsewhere. One that had been connected goes on as in an outage.
 */
export function isLockedOut(connections: Connections): boolean {
  return connectionStates(connections).some(
    ({ neverConnected, fault }) => neverConnected === true && isAccessRefused(fault),
  );
}
