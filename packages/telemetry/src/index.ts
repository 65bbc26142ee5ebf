export { createLogger } from './logger.ts';
export type { Logger, LoggerOptions } from './logger.ts';
export { createMetrics } from './metrics.ts';
export type { Metrics, MetricsOptions } from './metrics.ts';
export type { QueueReading, QueueState } from './queue-metrics.ts';
export type { ScrapeHook } from './scrape-hooks.ts';
