import { setTimeout as sleep } from 'node:timers/promises';
import { lossCheckIntervalMs } from '@holdfast/config';
import { sourceSync, sourceSyncSchedules } from '@holdfast/jobs';
import type { ScheduleEntry } from '@holdfast/queue';
import type { Logger } from '@holdfast/telemetry';
import type { Running } from '../../module.ts';
import { CacheEpoch } from './cache-epoch.ts';
import { notInstalledLog } from '../../queues/handlers/not-installed-log.ts';
import { Superseded, type DeclaredScheduleName } from '../../queues/handlers/superseded.ts';
import { untilDone } from '../../queues/handlers/until-done.ts';
import type { SourcesSettings } from '../config/settings.ts';
import type { SourcesPart } from '../create.ts';
import type { SourcesNeeds } from '../needs.ts';

/** The connections of a process come back within a second of each other: one look is enough for all of them. */
const SETTLE_MS = 1500;

export interface SyncSchedulesDependencies extends Running<SourcesSettings, SourcesNeeds, SourcesPart> {
  readonly logger: Logger;
}

/**
 * Keeps the schedules of the source syncs: installs them at the start, and again after each outage, since a Redis that
 * comes back may have lost its data, and when one of both turns out to have been emptied. A mirror that is empty then is filled at once. Any number of workers may do so.
 */
export class SyncSchedules {
  readonly #dependencies: SyncSchedulesDependencies;
  readonly #onFailure: (error: unknown) => void;
  readonly #superseded: Superseded;
  readonly #closing = new AbortController();
  readonly #stops: (() => void)[] = [];
  /** What is under way, one after the other. */
  #work: Promise<void> = Promise.resolve();
  #restoreIsWaiting = false;

  constructor(dependencies: SyncSchedulesDependencies) {
    this.#dependencies = dependencies;
    this.#onFailure = notInstalledLog(dependencies.logger);
    this.#superseded = new Superseded(dependencies.logger, () => this.#restore());
  }

  /** Does not wait: while the store is away it tries again, so that a start never fails. */
  start(): void {
    const { config, settings, part, logger } = this.#dependencies;
    if (settings.upstream.baseUrl !== null) {
      this.#work = this.#install(async () => this.#entries()).then(() => this.#watch());
      return;
    }
    // In production the configuration has warned about it.
    if (part.sources.names().length > 0 && config.environment !== 'production') {
      logger.warn('NOVITA_API_BASE_URL is not set: the sources are served as they are and not synced');
    }
    this.#work = this.#install(async () => []);
  }

  /** Resolves when what is under way has ended, which a frozen store may delay. */
  async close(): Promise<void> {
    this.#closing.abort();
    for (const stop of this.#stops.splice(0)) stop();
    await this.#work;
    this.#superseded.close();
  }

  #watch(): void {
    if (this.#closing.signal.aborted) return;
    const { config, engines, keys, needs } = this.#dependencies;
    const restore = (): void => this.#restore();
    const intervalMs = lossCheckIntervalMs[config.profile];
    const epoch = new CacheEpoch({ engine: engines.cache, key: keys.epoch(), onLoss: restore, intervalMs });
    // That in the memory of this process is emptied by nobody else.
    if (engines.cache.kind !== 'memory') epoch.start();
    this.#stops.push(
      () => epoch.stop(),
      needs.queues.backend.onReturn(restore),
      needs.queues.backend.onLoss(restore),
      engines.cache.onAvailability((isAvailable) => {
        if (isAvailable) restore();
      }),
    );
  }

  #restore(): void {
    // One that has not begun yet will see all that this one would.
    if (this.#restoreIsWaiting) return;
    this.#restoreIsWaiting = true;
    this.#work = this.#restoreAfter(this.#work);
  }

  async #restoreAfter(earlier: Promise<void>): Promise<void> {
    await Promise.all([earlier, sleep(SETTLE_MS, undefined, { signal: this.#closing.signal }).catch(() => undefined)]);
    this.#restoreIsWaiting = false;
    await this.#install(async () => this.#missing());
  }

  async #install(entries: () => Promise<ScheduleEntry[]>): Promise<void> {
    const { settings, needs } = this.#dependencies;
    const { queues } = needs.queues;
    const bringAbout = async (): Promise<void> => {
      // Of when they were on; each of its jobs would fail.
      const superseded: DeclaredScheduleName[] = [];
      for (const source of settings.disabled) {
        const isDone = await queues.schedules.undeclare(sourceSync.name, source);
        if (!isDone) superseded.push({ queue: sourceSync.name, id: source });
      }
      superseded.push(...(await queues.ensureSchedules(await entries())));
      this.#superseded.found(superseded);
    };
    await untilDone(bringAbout, {
      signal: this.#closing.signal,
      onFailure: this.#onFailure,
    });
  }

  #entries(): ScheduleEntry[] {
    const { part, needs } = this.#dependencies;
    return sourceSyncSchedules(part.sources.names(), needs.queues.queues.definition(sourceSync.name));
  }

  /** The same, with a sync at once only where there is nothing to serve. */
  async #missing(): Promise<ScheduleEntry[]> {
    const { sources } = this.#dependencies.part;
    const entries = this.#entries();
    const states = await Promise.all(entries.map(async ({ id }) => sources.get(id).state()));
    return entries.map((entry, at) => ({ ...entry, runAtStart: states[at]?.items === 0 }));
  }
}
