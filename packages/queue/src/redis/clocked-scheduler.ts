import { JobScheduler, type Queue, type RepeatOptions } from 'bullmq';
import type { JobWorker } from '../port/job-worker.ts';
import { nextRunBy, optionsOfNextJob, replaceScheduler } from './bullmq-inside.ts';

/** The time by the clock of the store, in milliseconds since the epoch. @param producer the job whose run makes the next one */
type TimeOf = (producer: string | undefined) => number | Promise<number>;

/** Has a queue make the first job of a schedule by the clock of the store. */
export function scheduleByStoreClock(queue: Queue<unknown, unknown>, now: () => Promise<number>): void {
  replaceScheduler(queue, new ClockedScheduler(queue, now));
}

/** Has a worker make the next job of a schedule by the clock of the store, which told when it took the one before. */
export function scheduleByFetchTime(worker: JobWorker): void {
  replaceScheduler(worker, new ClockedScheduler(worker, (producer) => worker.fetchTimeOf(producer ?? '')));
}

/**
 * BullMQ's maker of the next job of a schedule, which reckons by the clock of the store. BullMQ's own takes that of its
 * process: where it is ahead, runs are left out.
 */
class ClockedScheduler extends JobScheduler {
  readonly #timeOf: TimeOf;

  constructor(owner: Queue<unknown, unknown> | JobWorker, timeOf: TimeOf) {
    super(owner.name, owner.opts, () => owner.getBackend());
    this.#timeOf = timeOf;
  }

  override async upsertJobScheduler(
    ...[id, repeat, name, data, options, { override, producerId }]: Parameters<JobScheduler['upsertJobScheduler']>
  ): Promise<undefined> {
    const { pattern, every, limit, startDate, endDate } = repeat;
    const count = (repeat.count ?? 0) + 1;
    const time = await this.#timeOf(producerId);
    if (count > (limit ?? Infinity) || time > (millisecondsOf(endDate) ?? Infinity)) return;
    const { prevMillis = 0 } = options as { readonly prevMillis?: number };
    // That of an interval BullMQ's scripts reckon by themselves, from the time of the server.
    const next = pattern === undefined ? undefined : await nextRunBy(this, Math.max(time, prevMillis), repeat);
    if (next === undefined && every === undefined) return;
    const { immediately: _immediately, ...kept } = repeat;
    const offset = every === undefined ? null : (repeat.offset ?? null);
    const made = optionsOfNextJob(this, next, id, { options: { ...options, repeat: kept }, count, offset });
    const job = { ...made, timestamp: time };
    const template = JSON.stringify(data ?? {});
    if (!override) {
      await this.backend.updateJobSchedulerNextMillis(id, next as number, template, job, producerId);
      return;
    }
    const { tz } = repeat;
    const when = {
      name,
      tz,
      pattern,
      every,
      limit,
      offset,
      startDate: millisecondsOf(startDate),
      endDate: millisecondsOf(endDate),
    };
    await this.backend.addJobScheduler(id, next as number, template, options, when as never, job, producerId);
  }
}

function millisecondsOf(date: RepeatOptions['endDate']): number | undefined {
  return date === undefined ? undefined : new Date(date).getTime();
}
