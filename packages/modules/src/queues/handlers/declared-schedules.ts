import type { ScheduleEntry } from '@holdfast/queue';
import type { Logger } from '@holdfast/telemetry';
import type { QueueSchedule, QueuesSettings } from '../config/settings.ts';
import type { QueuesPart } from '../create.ts';
import { notInstalledLog } from './not-installed-log.ts';
import { Superseded, type DeclaredScheduleName } from './superseded.ts';
import { untilDone } from './until-done.ts';

/** The id of a schedule that holdfast.yaml declares; a queue has at most one. Others are those of the REST API. */
const declaredScheduleId = 'holdfast.yaml';

export interface DeclaredSchedulesDependencies {
  readonly settings: QueuesSettings;
  readonly part: QueuesPart;
  readonly logger: Logger;
}

/**
 * Makes the schedules of the declared queues be as holdfast.yaml says, and those of queues in files as their definitions say,
 * at the start, after each outage and when the Redis was emptied: one that comes back may have lost them. What is no longer declared is removed.
 * What a newer release declares holds over what this one does. Schedules that were made over REST are mended where a process died half way. Any number of workers may do so.
 */
export class DeclaredSchedules {
  readonly #dependencies: DeclaredSchedulesDependencies;
  readonly #onFailure: (error: unknown) => void;
  readonly #superseded: Superseded;
  readonly #closing = new AbortController();
  readonly #stops: (() => void)[] = [];
  #work: Promise<void> = Promise.resolve();
  #hasStarted = false;

  constructor(dependencies: DeclaredSchedulesDependencies) {
    this.#dependencies = dependencies;
    this.#onFailure = notInstalledLog(dependencies.logger);
    this.#superseded = new Superseded(dependencies.logger, () => this.#install());
  }

  /** Does not wait: while the store is away it tries again, so that a start never fails. */
  start(): void {
    const { backend } = this.#dependencies.part;
    this.#install();
    this.#stops.push(
      backend.onReturn(() => this.#install()),
      backend.onLoss(() => {
        this.#dependencies.logger.warn(
          'the Redis of the queues was emptied: what is declared is put back; jobs and schedules that were made over the API are gone',
        );
        this.#install();
      }),
    );
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#superseded.close();
    for (const stop of this.#stops.splice(0)) stop();
    await this.#work;
    // What was under way may have found some.
    this.#superseded.close();
  }

  #install(): void {
    this.#work = this.#work.then(async () =>
      untilDone(async () => this.#ensure(), {
        signal: this.#closing.signal,
        onFailure: this.#onFailure,
      }),
    );
  }

  async #ensure(): Promise<void> {
    const { queues } = this.#dependencies.part;
    for (const queue of queues.names()) await queues.schedules.mend(queue);
    const superseded: DeclaredScheduleName[] = [];
    for (const [queue, schedule] of this.#declared()) {
      if (schedule !== undefined) superseded.push(...(await queues.ensureSchedules([entryOf(queue, schedule)])));
      else superseded.push(...(await this.#undeclare(queue, declaredScheduleId)));
    }
    for (const { name } of this.#dependencies.settings.own.pairs) superseded.push(...(await this.#ensureOwn(name)));
    this.#hasStarted = true;
    this.#superseded.found(superseded);
  }

  /** An outage is no start: what runs at each start has run. */
  async #ensureOwn(queue: string): Promise<DeclaredScheduleName[]> {
    const { queues } = this.#dependencies.part;
    const { schedule, runAtStart = false } = queues.definition(queue);
    const superseded = schedule === undefined ? await this.#undeclare(queue, queue) : [];
    if (schedule === undefined && !runAtStart) return superseded;
    const entry = { queue, id: queue, data: {}, runAtStart: runAtStart && !this.#hasStarted };
    return [
      ...superseded,
      ...(await queues.ensureSchedules([{ ...entry, ...(schedule !== undefined && { schedule }) }])),
    ];
  }

  async #undeclare(queue: string, id: string): Promise<DeclaredScheduleName[]> {
    const isDone = await this.#dependencies.part.queues.schedules.undeclare(queue, id);
    return isDone ? [] : [{ queue, id }];
  }

  #declared(): [string, QueueSchedule | undefined][] {
    const { byName } = this.#dependencies.settings;
    return Object.entries(byName)
      .filter(([, { delivery }]) => delivery !== undefined)
      .map(([name, { schedule }]) => [name, schedule]);
  }
}

function entryOf(queue: string, { data, ...schedule }: QueueSchedule): ScheduleEntry {
  return { queue, id: declaredScheduleId, data, schedule };
}
