/**
 * `@holdfast/queue/embedded`: queues without Redis. Apart from the rest, because it needs PGlite, an optional peer
 * dependency of 27 MB that a program with a Redis neither installs nor loads.
 */
export { createEmbeddedBackend } from './embedded/embedded-backend.ts';
export type { EmbeddedBackendOptions } from './embedded/backend-options.ts';
