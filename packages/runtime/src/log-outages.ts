import { isAccessRefused, type FaultKind } from '@holdfast/redis-core';
import type { Logger } from '@holdfast/telemetry';

/** What a library says of one of its connections. */
export interface AvailabilityNews {
  /** `cache`, `durable`, `queue`. */
  readonly connection: string;
  /** Connections to one address share its lines. */
  readonly address?: string | undefined;
  readonly available: boolean;
  readonly reason?: string | undefined;
  readonly fault?: FaultKind | undefined;
}

interface Outage {
  readonly connections: Set<string>;
  readonly isRefused: boolean;
  readonly since: number;
}

/**
 * Logs that a Redis went and that it came back, once each however many connections there are to it. Both lines have the same
 * level, so that whoever is told of the one is told of the other. A Redis that refuses access is not away: somebody has to
 * mend a configuration, and the line is an error.
 */
export class OutageLog {
  readonly #logger: Logger;
  readonly #now: () => number;
  readonly #outages = new Map<string, Outage>();
  readonly #connected = new Set<string>();

  /** @param now milliseconds */
  constructor(logger: Logger, now: () => number) {
    this.#logger = logger;
    this.#now = now;
  }

  note(news: AvailabilityNews): void {
    // We closed it ourselves.
    if (!news.available && news.reason === 'closed') {
      this.#logger.debug({ connection: news.connection }, 'the connection to Redis is closed');
      return;
    }
    const key = news.address ?? news.connection;
    if (news.available) this.#came(key, news);
    else this.#went(key, news);
  }

  #went(key: string, { connection, address, reason, fault }: AvailabilityNews): void {
    const isRefused = isAccessRefused(fault);
    const known = this.#outages.get(key);
    const connections = (known?.connections ?? new Set()).add(connection);
    // Of two connections to one Redis one may hear the reason later than the other.
    if (known !== undefined && (known.isRefused || !isRefused)) {
      this.#logger.debug({ connection, address, reason }, 'another connection to this Redis is away');
      return;
    }
    this.#outages.set(key, { connections, isRefused, since: known?.since ?? this.#now() });
    const fields = { connection, address, reason };
    if (isRefused) this.#logger.error(fields, 'Redis refuses access');
    else this.#logger.warn(fields, 'Redis is away');
  }

  #came(key: string, { connection, address }: AvailabilityNews): void {
    const outage = this.#outages.get(key);
    outage?.connections.delete(connection);
    if (outage === undefined) {
      const level = this.#connected.has(key) ? 'debug' : 'info';
      this.#logger[level]({ connection, address }, 'Redis is connected');
    } else if (outage.connections.size === 0) {
      this.#outages.delete(key);
      const awayMs = Math.round(this.#now() - outage.since);
      this.#logger[outage.isRefused ? 'error' : 'warn']({ connection, address, awayMs }, 'Redis is back');
    } else {
      this.#logger.debug({ connection, address }, 'a connection to this Redis is back');
    }
    this.#connected.add(key);
  }
}
