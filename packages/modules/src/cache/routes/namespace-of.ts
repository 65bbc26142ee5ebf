import type { FastifyRequest } from 'fastify';

/** The namespace in the path, for keys that are limited to some. */
export function namespaceOf(request: FastifyRequest): string | undefined {
  const { ns } = request.params as { ns?: string };
  return ns;
}
