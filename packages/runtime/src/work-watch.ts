import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Connection } from '@holdfast/modules';
import {
  faultKindOf,
  proveWork,
  type ConnectionFault,
  type FaultKind,
  type RedisChannels,
  type RedisEngine,
} from '@holdfast/redis-core';
import { BoundedLabel, type Instruments, type Logger } from '@holdfast/telemetry';

/** What callers have done: reads and writes of the cache, and jobs. */
export type Work = 'read' | 'write' | 'queue';

/** Work that a Redis which is there does not do, or not for everybody. One that is away is none: all its work is. */
export interface Refusal {
  /** `cache`, `durable`, or what a module calls its connection: `queue`. */
  readonly connection: string;
  readonly work: Work;
  /** One line: the address, what is wrong, and what to do where that is known. */
  readonly reason: string;
  readonly fault: FaultKind;
}

export interface WorkReading {
  /** Whether a Redis does it now. What falls back meanwhile is not counted. */
  readonly available: Readonly<Record<Work, boolean>>;
  readonly refusals: readonly Refusal[];
  /** Milliseconds that the proof of an engine took; `null` where it failed. */
  readonly latencyMs: Readonly<Record<EngineName, number | null>>;
}

type EngineName = 'cache' | 'durable';
const works = ['read', 'write', 'queue'] as const satisfies Work[];
const refusalsChannel = 'holdfast:redis:refusals' satisfies keyof RedisChannels;

/** Refusals of writes: who is told so can still read. */
const writesOnly: ReadonlySet<FaultKind> = new Set([
  'read-only',
  'not-persisting',
  'too-few-replicas',
  'out-of-memory',
  'forbidden',
]);

interface Proof {
  /** Whether it can be reached. */
  readonly isThere: boolean;
  readonly refusals: readonly Refusal[];
}

export interface WorkWatchOptions {
  readonly engines: Readonly<Record<EngineName, RedisEngine>>;
  /** A key that nobody uses. */
  readonly key: string;
  /** Those of the modules, by their names. They do the work of the queue. */
  readonly connections: () => Readonly<Record<string, Connection>>;
  /** What a proof may take before that Redis counts as slow to death. Default 500. */
  readonly deadlineMs?: number;
}

/**
 * Knows whether Redis does what callers ask for, and what it refuses. It asks when somebody wants to know (`/health`, a
 * scrape), since a Redis that refuses writes answers all else, and nobody may be writing. Logs what it finds once each.
 */
export class WorkWatch {
  readonly #options: WorkWatchOptions;
  readonly #told = new Map<string, Refusal>();
  #looking: Promise<WorkReading> | undefined;
  #stop: () => void = () => undefined;
  #logger: Logger | undefined;

  constructor(options: WorkWatchOptions) {
    this.#options = options;
  }

  /** Logs from now on what is found, here and by the calls. */
  start(logger: Logger): void {
    this.#logger = logger;
    const onRefusals = (): void => void this.look();
    subscribe(refusalsChannel, onRefusals);
    this.#stop = () => unsubscribe(refusalsChannel, onRefusals);
  }

  /** Has each scrape look. */
  measure(instruments: Pick<Instruments, 'gauge' | 'onScrape'>): void {
    const available = instruments.gauge({
      name: 'holdfast_work_available',
      help: '1 while a Redis does this kind of work, 0 while it does not.',
      labels: { work: works },
      isReadAtScrape: true,
    });
    const refuses = instruments.gauge({
      name: 'holdfast_redis_refuses',
      help: '1 while the Redis behind the connection, which is there, refuses this kind of work; the label says why.',
      labels: { connection: new BoundedLabel(20), work: works, fault: new BoundedLabel(50) },
      isReadAtScrape: true,
    });
    instruments.onScrape(async () => {
      const reading = await this.look();
      for (const work of works) available.set(reading.available[work] ? 1 : 0, { work });
      for (const { connection, work, fault } of reading.refusals) refuses.set(1, { connection, work, fault });
    });
  }

  close(): void {
    this.#stop();
    this.#logger = undefined;
  }

  /** Asks each Redis; those who ask at the same time share it. Never rejects, and takes no longer than the deadline. */
  look(): Promise<WorkReading> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #look(): Promise<WorkReading> {
    const connections = Object.entries(this.#options.connections());
    const [[cache, durable], queues] = await Promise.all([
      Promise.all([this.#prove('cache'), this.#prove('durable')]),
      Promise.all(connections.map(async ([name, connection]) => this.#ask(name, connection))),
    ]);
    const refusals = [...cache.refusals, ...durable.refusals, ...queues.flatMap((queue) => queue.refusals)];
    const isDone = (work: Work): boolean => !refusals.some((refusal) => refusal.work === work);
    this.#tell(refusals);
    return {
      // The cache reads and writes; what the durable one refuses is that of modules.
      available: {
        read: cache.isThere && isDone('read'),
        write: cache.isThere && isDone('write'),
        queue: queues.every(({ isThere }) => isThere) && isDone('queue'),
      },
      refusals,
      latencyMs: { cache: cache.latencyMs, durable: durable.latencyMs },
    };
  }

  async #prove(connection: EngineName): Promise<Proof & { readonly latencyMs: number | null }> {
    const { engines, key, deadlineMs = 500 } = this.#options;
    const engine = engines[connection];
    if (engine.kind === 'memory') return { isThere: true, refusals: [], latencyMs: null };
    if (!engine.status.available) return { isThere: false, refusals: [], latencyMs: null };
    const startedAt = performance.now();
    let failure: unknown;
    try {
      await proveWork(engine, key, { deadlineMs });
    } catch (error) {
      failure = error;
    }
    const latencyMs = failure === undefined ? Math.round((performance.now() - startedAt) * 100) / 100 : null;
    const { available, refuses } = engine.status;
    // It went away over it.
    if (!available) return { isThere: false, refusals: [], latencyMs };
    const found = new Map<Work, Refusal>();
    if (failure !== undefined) {
      const reason = failure instanceof Error ? failure.message : 'it failed';
      const fault = faultKindOf(failure);
      if (!writesOnly.has(fault)) found.set('read', { connection, work: 'read', reason, fault });
      found.set('write', { connection, work: 'write', reason, fault });
    }
    // What the engine has to say names the address, and what to do.
    if (refuses?.reads !== undefined) found.set('read', refusalOf(connection, 'read', refuses.reads));
    if (refuses?.writes !== undefined) found.set('write', refusalOf(connection, 'write', refuses.writes));
    const lost = engine.slotsAway?.().length ?? 0;
    if (lost > 0) {
      const reason = `${lost} of 16384 slots have no master that can be used`;
      for (const work of ['read', 'write'] as const) {
        if (!found.has(work)) found.set(work, { connection, work, reason, fault: 'not-ready' });
      }
    }
    return { isThere: true, refusals: [...found.values()], latencyMs };
  }

  async #ask(name: string, connection: Connection): Promise<Proof> {
    if (!connection.status.available) return { isThere: false, refusals: [] };
    let failure: unknown;
    try {
      await connection.prove?.(this.#options.deadlineMs ?? 500);
    } catch (error) {
      failure = error;
    }
    const { available, refuses } = connection.status;
    if (!available) return { isThere: false, refusals: [] };
    const refused = refuses?.writes ?? refuses?.reads;
    if (refused !== undefined) return { isThere: true, refusals: [refusalOf(name, 'queue', refused)] };
    if (failure === undefined) return { isThere: true, refusals: [] };
    const reason = failure instanceof Error ? failure.message : 'it failed';
    return { isThere: true, refusals: [{ connection: name, work: 'queue', reason, fault: faultKindOf(failure) }] };
  }

  #tell(refusals: readonly Refusal[]): void {
    const keyOf = ({ connection, work, fault }: Refusal): string => `${connection} ${work} ${fault}`;
    const now = new Set(refusals.map(keyOf));
    for (const [key, refusal] of this.#told) {
      if (now.has(key)) continue;
      this.#told.delete(key);
      const { connection, work, fault } = refusal;
      this.#logger?.warn({ connection, work, fault }, 'Redis does again what it had refused');
    }
    for (const refusal of refusals) {
      const key = keyOf(refusal);
      if (this.#told.has(key)) continue;
      this.#told.set(key, refusal);
      const { connection, work, fault, reason } = refusal;
      this.#logger?.[fault === 'forbidden' ? 'error' : 'warn'](
        { connection, work, fault, reason },
        'Redis refuses work',
      );
    }
  }
}

function refusalOf(connection: string, work: Work, { reason, kind }: ConnectionFault): Refusal {
  return { connection, work, reason, fault: kind };
}
