export type { Counter, Gauge, Histogram, Instruments } from './instruments.ts';
export { BoundedLabel } from './labels.ts';
export { createLogger } from './logger.ts';
export type { Logger, LoggerOptions } from './logger.ts';
export { createMetrics } from './metrics.ts';
export type { Metrics, MetricsOptions } from './metrics.ts';
export { onceEvery } from './once-every.ts';
export type { ScrapeHook } from './scrape-hooks.ts';
