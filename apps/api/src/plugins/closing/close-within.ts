import type { FastifyInstance } from 'fastify';

/**
 * Closes the service: requests that have begun are answered, for at most `patienceMs`; then they are cut off, so that
 * what comes after (jobs, the queue on disk) still closes in order.
 */
export async function closeWithin(app: FastifyInstance, patienceMs: number): Promise<void> {
  const timer = setTimeout(() => {
    app.log.warn({ patienceMs }, 'requests were cut off');
    app.server.closeAllConnections();
  }, patienceMs);
  try {
    await app.close();
  } finally {
    clearTimeout(timer);
  }
}
