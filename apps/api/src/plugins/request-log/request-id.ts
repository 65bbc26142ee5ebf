import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** An id from outside ends up in logs and headers, so only harmless characters and a bounded length are taken over. */
const acceptable = /^[A-Za-z0-9._-]{1,128}$/;

/** The id of a request: the caller's `x-request-id` when it is acceptable, a new UUID otherwise. */
export function requestIdOf(request: Pick<IncomingMessage, 'headers'>): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && acceptable.test(given) ? given : randomUUID();
}
