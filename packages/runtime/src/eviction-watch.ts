import { isDeepStrictEqual } from 'node:util';
import type { Config } from '@holdfast/config';
import { type RedisEngine, summarizeInfo } from '@holdfast/redis-core';
import type { Logger } from '@holdfast/telemetry';
import { type EvictionWarnings, evictionWarnings, type RedisMemory } from './eviction-policy.ts';

type Connection = keyof EvictionWarnings;
const connections = ['cache', 'durable'] as const satisfies Connection[];

export interface EvictionWatchOptions {
  readonly engines: Readonly<Record<Connection, RedisEngine>>;
  readonly config: Pick<Config, 'redis'>;
  /** How soon something that was wrong, or could not be read, is looked at again. Default one minute. */
  readonly againAfterMs?: number;
}

/**
 * Knows whether an eviction policy can lose what its Redis is used for: asks after the start and each time that a connection
 * is back, since another server may answer then; and again from time to time while something is wrong.
 */
export class EvictionWatch {
  readonly #options: EvictionWatchOptions;
  readonly #memories = new Map<Connection, RedisMemory>();
  readonly #stops: (() => void)[] = [];
  #warnings: EvictionWarnings = { cache: [], durable: [] };
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: EvictionWatchOptions) {
    this.#options = options;
  }

  /** As of the last look; empty before the first. */
  get warnings(): EvictionWarnings {
    return this.#warnings;
  }

  /** Begins to look, in the background, and logs what it finds. */
  start(logger: Logger): void {
    for (const name of connections) {
      const engine = this.#options.engines[name];
      if (engine.kind === 'memory') continue;
      this.#stops.push(
        engine.onAvailability((isAvailable) => {
          if (isAvailable) void this.#look([name], logger);
        }),
      );
      if (engine.status.available) void this.#look([name], logger);
    }
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (const stop of this.#stops.splice(0)) stop();
  }

  async #look(names: readonly Connection[], logger: Logger): Promise<void> {
    const isRead = await Promise.all(names.map(async (name) => this.#read(name)));
    if (this.#isClosed) return;
    const before = this.#warnings;
    const [cache, durable] = [this.#memories.get('cache'), this.#memories.get('durable')];
    this.#warnings = evictionWarnings(cache, durable, this.#isOneServer(cache, durable));
    for (const name of connections) log(name, before[name], this.#warnings[name], logger);
    if (isRead.includes(false) || connections.some((name) => this.#warnings[name].length > 0)) this.#lookAgain(logger);
  }

  async #read(name: Connection): Promise<boolean> {
    try {
      const info = await this.#options.engines[name].info();
      const { policy, max } = summarizeInfo(info).memory;
      this.#memories.set(name, { policy, max, runId: info['run_id'] });
      return true;
    } catch {
      // Away, or it refuses INFO as well: nothing is known then, and so nothing is said.
      this.#memories.delete(name);
      return false;
    }
  }

  #lookAgain(logger: Logger): void {
    clearTimeout(this.#timer);
    const { engines, againAfterMs = 60_000 } = this.#options;
    this.#timer = setTimeout(() => {
      // One that is away is read when it is back.
      void this.#look(
        connections.filter((name) => engines[name].kind !== 'memory' && engines[name].status.available),
        logger,
      );
    }, againAfterMs).unref();
  }

  #isOneServer(cache: RedisMemory | undefined, durable: RedisMemory | undefined): boolean {
    const { redis } = this.#options.config;
    if (isDeepStrictEqual(redis.cache.target, redis.durable.target)) return true;
    return cache?.runId !== undefined && cache.runId === durable?.runId;
  }
}

function log(connection: Connection, before: readonly string[], now: readonly string[], logger: Logger): void {
  const what = connection === 'cache' ? 'the Redis of the cache' : 'the Redis of the queues';
  for (const warning of now) {
    if (!before.includes(warning)) logger.warn({ connection }, `${what}: ${warning}`);
  }
  if (before.length > 0 && now.length === 0) logger.info({ connection }, `${what} has a fitting eviction policy now`);
}
