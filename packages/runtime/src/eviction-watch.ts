import { isDeepStrictEqual } from 'node:util';
import { type RedisEngine, type RedisTarget, summarizeInfo } from '@holdfast/redis-core';
import type { Logger } from '@holdfast/telemetry';
import { type EvictionWarnings, evictionWarnings, type RedisMemory } from './eviction-policy.ts';

type Connection = keyof EvictionWarnings;
const connections = ['cache', 'durable'] as const satisfies Connection[];

export interface EvictionWatchOptions {
  readonly engines: Readonly<Record<Connection, RedisEngine>>;
  readonly targets: Readonly<Record<Connection, RedisTarget>>;
  /** How soon a policy that fits is looked at again: somebody may change it while all connections stand. Default 10 minutes. */
  readonly everyMs?: number;
  /** How soon something that was wrong, or could not be read, is looked at again. Default one minute. */
  readonly againAfterMs?: number;
}

/**
 * Knows whether an eviction policy can lose what its Redis is used for: asks after the start and each time that a connection
 * is back, since another server may answer then; and again from time to time, sooner while something is wrong.
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
    await Promise.all(names.map(async (name) => this.#read(name)));
    if (this.#isClosed) return;
    const before = this.#warnings;
    const [cache, durable] = [this.#memories.get('cache'), this.#memories.get('durable')];
    this.#warnings = evictionWarnings(cache, durable, this.#isOneServer(cache, durable));
    for (const name of connections) log(name, before[name], this.#warnings[name], logger);
    const isFine = connections.every((name) => this.#isKnown(name) && this.#warnings[name].length === 0);
    const { everyMs = 600_000, againAfterMs = 60_000 } = this.#options;
    this.#lookAgain(logger, isFine ? everyMs : againAfterMs);
  }

  async #read(name: Connection): Promise<void> {
    try {
      const info = await this.#options.engines[name].info();
      const { policy, max } = summarizeInfo(info).memory;
      this.#memories.set(name, { policy, max, runId: info['run_id'] });
    } catch {
      // Away, or it refuses INFO as well: nothing is known then, and so nothing is said.
      this.#memories.delete(name);
    }
  }

  #isKnown(name: Connection): boolean {
    return this.#options.engines[name].kind === 'memory' || this.#memories.has(name);
  }

  #lookAgain(logger: Logger, afterMs: number): void {
    clearTimeout(this.#timer);
    const { engines } = this.#options;
    this.#timer = setTimeout(() => {
      // One that is away is read when it is back.
      void this.#look(
        connections.filter((name) => engines[name].kind !== 'memory' && engines[name].status.available),
        logger,
      );
    }, afterMs).unref();
  }

  #isOneServer(cache: RedisMemory | undefined, durable: RedisMemory | undefined): boolean {
    const { targets } = this.#options;
    if (isDeepStrictEqual(targets.cache, targets.durable)) return true;
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
