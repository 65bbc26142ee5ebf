export { createRuntime, type Runtime, type RuntimeOptions } from './create-runtime.ts';
export { forwardLeftovers, type ForwardOptions, type ForwardReport } from './forward-leftovers.ts';
export { listen, type Listener } from './listen.ts';
export { logLibraryErrors } from './log-library-errors.ts';
export { logRedisWork } from './log-redis-work.ts';
export { readConfig } from './read-config.ts';
export { requireRedis } from './require-redis.ts';
export { exitOnUncaught, shutDownOnSignal, type ShutdownOptions } from './shutdown.ts';
export { version } from './version.ts';
