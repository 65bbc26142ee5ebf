/** How often a worker says that it is there, and how long that holds. Milliseconds. */
export interface PresenceTimes {
  readonly heartbeatMs: number;
  /** Others give back what a worker held when they have not heard of it for so long. Three heartbeats. */
  readonly ttlMs: number;
}

/**
 * How a worker watches over its queue. Each profile says what it costs an idle Redis, and how long the jobs of a worker
 * that died wait.
 */
export interface ConsumerTuning {
  readonly presence: PresenceTimes;
  /** Seconds that an idle worker blocks at a time, also while jobs are delayed or scheduled. */
  readonly blockSeconds: number;
  /** How often BullMQ looks for jobs whose lock has expired: the last net. */
  readonly stalledIntervalMs: number;
}

export type ConsumerProfile = 'default' | 'low-cost';

export const consumerProfiles: Readonly<Record<ConsumerProfile, ConsumerTuning>> = {
  /** Jobs of a dead worker run again within 10 s. */
  default: { presence: { heartbeatMs: 2000, ttlMs: 6000 }, blockSeconds: 15, stalledIntervalMs: 30_000 },
  /** At most 10 commands a minute and queue while nothing happens. Jobs of a dead worker run again within 90 s. */
  'low-cost': { presence: { heartbeatMs: 20_000, ttlMs: 60_000 }, blockSeconds: 60, stalledIntervalMs: 120_000 },
};

/**
 * Locks are long on purpose: with short ones a mere pause of Redis made healthy jobs run twice. What a dead worker held
 * comes back much sooner, by its presence.
 */
export const lockDurationMs = 60_000;
/** BullMQ renews each lock at the latest at this age, so that a pause of Redis of 45 s costs no lock. */
export const lockRenewMs = 15_000;
/** BullMQ fails a job that stalled more often, whatever attempts it has left. */
export const maxStalledCount = 5;
/**
 * A job that was running this many times when its worker died is not run again: it may well be the reason. Fewer, and workers
 * that are killed one after another take jobs with them that are not: at 3, one of 1000 in every twentieth series of 20 kills.
 */
export const defaultMaxCrashes = 5;
