import type { LoadClass } from '@holdfast/modules/http';
import type { FastifyRequest } from 'fastify';

/**
 * How many requests of a class are worked on at a time. Reads and writes have as many as the process answers within a fraction
 * of a second: callers beyond that would wait longer than they should, and a refusal costs less than an answer. A request of
 * many items keeps the process busy for milliseconds at a stretch.
 */
export const slotsOf: Readonly<Record<LoadClass, number>> = {
  read: 1024,
  write: 1024,
  bulk: 32,
  // They only wait, and cost memory: the number of connections is their limit, with `openPerConnection`.
  wait: Infinity,
  stream: Infinity,
  probe: Infinity,
};

/** Requests without an answer that a connection may have while it asks to wait for more: Node takes as many as a caller sends. */
export const openPerConnection = 100;

export const loadClasses = Object.keys(slotsOf) as readonly LoadClass[];

/** What the route of a request says of it, or its method. */
export function classOf(request: FastifyRequest): LoadClass {
  const { load } = request.routeOptions.config;
  if (load !== undefined) return typeof load === 'function' ? load(request) : load;
  return request.method === 'GET' || request.method === 'HEAD' ? 'read' : 'write';
}
