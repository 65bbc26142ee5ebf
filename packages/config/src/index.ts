export { loadConfig } from './load.ts';
export type { LoadOptions } from './load.ts';
export { ConfigError } from './errors.ts';
export type { ConfigProblem } from './errors.ts';
export { DurationError, formatTtl, parseDuration, parseTtl } from './duration.ts';
export type { ApiKey } from './api-keys.ts';
export { builtInQueueNames } from './presets.ts';
export type * from './types.ts';
