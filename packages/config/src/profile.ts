import type { EngineOptions } from '@holdfast/redis-core';

/** What an idle process costs its Redis, against how soon it notices an outage, or a worker that died. */
export const profiles = ['default', 'low-cost'] as const;
export type Profile = (typeof profiles)[number];

type Watching = Pick<EngineOptions, 'idleProbeIntervalMs' | 'trackingHeartbeatMs'>;

/**
 * How each profile watches a connection on which no call waits. What low-cost notices late, it notices within 15 s: after an
 * interval and the deadline of a question, or a heartbeat.
 */
export const watchingOf: Readonly<Record<Profile, Watching>> = {
  default: {},
  'low-cost': { idleProbeIntervalMs: 13_000, trackingHeartbeatMs: 14_000 },
};

/** How often a process looks whether a Redis was emptied while its connections stayed. */
export const lossCheckIntervalMs: Readonly<Record<Profile, number>> = { default: 15_000, 'low-cost': 60_000 };
