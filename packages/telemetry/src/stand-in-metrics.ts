import { Gauge } from 'prom-client';
import type { Registry } from 'prom-client';

/** The part of a `CacheRegistry` that is measured while Redis is away. */
export interface StandInReading {
  readonly isAway: boolean;
  readonly pendingInvalidations: number;
}

/** Whether the caches of this process stand in for Redis, and what they have to tell it. */
export class StandInMetrics {
  readonly #registry: Registry;
  #gauges: { readonly standingIn: Gauge; readonly waiting: Gauge } | undefined;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** Called by a scrape hook. A process whose caches never stand in never does, and exposes nothing. */
  read({ isAway, pendingInvalidations }: StandInReading): void {
    const gauges = (this.#gauges ??= createGauges(this.#registry));
    gauges.standingIn.set(isAway ? 1 : 0);
    gauges.waiting.set(pendingInvalidations);
  }
}

function createGauges(registry: Registry) {
  const gauge = (name: string, help: string): Gauge => new Gauge({ name, help, registers: [registry] });
  return {
    standingIn: gauge(
      'holdfast_cache_standing_in',
      '1 while the caches of this process serve and write its own memory instead of Redis.',
    ),
    waiting: gauge('holdfast_cache_invalidations_waiting', 'Kept on disk until Redis can be told.'),
  };
}
