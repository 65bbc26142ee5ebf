import type { FieldIssue } from '@holdfast/redis-core';
import type { AcceptedData, Catalogue, NameOf } from '../job/catalogue.ts';
import type { Schedule } from '../job/schedule.ts';
import { JobOptionsInvalidError } from '../job/errors.ts';
import { canBeAskedFor } from '../job/job-id.ts';
import { checkJobOptions, jobNameProblem, storedOptions } from '../job/job-options.ts';
import type { Producer } from '../producing/producer.ts';
import { fingerprintOf } from './declaration.ts';
import type { Declarations } from './declarations.ts';
import { removeSchedule, upsertSchedule, type ScheduleTarget } from './bullmq-schedule.ts';
import type { ScheduledJob, ScheduleRecord } from '../port/schedule-records.ts';
import { isScheduleId, scheduleIdRule, scheduleIssues } from '../job/schedule-rules.ts';
import { toScheduleView, type ScheduleView } from './schedule-view.ts';
import { listStoredSchedules, readStoredSchedule } from './stored-schedule.ts';

export interface ScheduledQueue extends ScheduleTarget {
  readonly producer: Producer;
}

/** Either `pattern` (cron, 5 or 6 fields) with `tz` (default UTC), or `everyMs` (1 s to 365 days). */
export interface ScheduleInput<Data = unknown> {
  readonly pattern?: string;
  readonly tz?: string;
  readonly everyMs?: number;
  /** As for `Queues.add`, without `jobId`, `delayMs` and `deduplication`. */
  readonly job: ScheduledJob<Data>;
  readonly paused?: boolean;
}

export interface ScheduleViewOptions {
  /** How many of the next runs are told, 0 to 100. Default 5. */
  readonly upcoming?: number;
}

/** Under which the policy of a queue is declared: no schedule has such an id. */
const policyId = ':policy';

/** Options that would not hold for each of the jobs that a schedule makes. */
const refused = ['jobId', 'delayMs', 'deduplication'] as const;

/**
 * The schedules of queues. What is said here is written down before it is brought about, and holds over what is declared
 * in the configuration until that changes: so a schedule that was paused is still paused after the next start, and a
 * process that dies half way is made good by the next one that starts.
 */
export class Schedules<Known extends Catalogue = Catalogue> {
  readonly #open: (queue: string) => ScheduledQueue;
  readonly #declarations: Declarations;

  /** @param open throws QueueUnknownError (404) */
  constructor(open: (queue: string) => ScheduledQueue, declarations: Declarations) {
    this.#open = open;
    this.#declarations = declarations;
  }

  /** In the order of their ids. @throws QueueUnknownError (404), QueueUnavailableError (503) */
  async list(queue: NameOf<Known>, { upcoming = 5 }: ScheduleViewOptions = {}): Promise<ScheduleView[]> {
    const { handle } = this.#open(queue);
    const [records, schedulers] = await Promise.all([handle.scheduleRecords.all(), listStoredSchedules(handle)]);
    const existing = new Map(schedulers.map((scheduler) => [scheduler.id, scheduler]));
    return [...new Set([...records.keys(), ...existing.keys()])]
      .sort()
      .map((id) => toScheduleView(queue, id, { existing: existing.get(id), record: records.get(id) }, upcoming))
      .filter((view) => view !== undefined);
  }

  /** @throws QueueUnknownError (404), QueueUnavailableError (503) */
  async get(
    queue: NameOf<Known>,
    id: string,
    { upcoming = 5 }: ScheduleViewOptions = {},
  ): Promise<ScheduleView | undefined> {
    const { handle } = this.#open(queue);
    if (!canBeAskedFor(id)) return undefined;
    const [record, existing] = await Promise.all([handle.scheduleRecords.get(id), readStoredSchedule(handle, id)]);
    return toScheduleView(queue, id, { existing, record }, upcoming);
  }

  /**
   * Makes a schedule be as given, new or not. With `everyMs`, a new one runs first when its time has passed once.
   *
   * @throws QueueUnknownError (404), JobOptionsInvalidError (400: paths such as `/pattern`, `/job/options/attempts`),
   *   JobInvalidError (422: the data), JobTooLargeError (413), QueueUnavailableError (503: repeat it)
   */
  async put<Name extends NameOf<Known>>(
    queue: Name,
    id: string,
    input: ScheduleInput<AcceptedData<Known, Name>>,
  ): Promise<ScheduleView> {
    const open = this.#open(queue);
    check(id, input, open.producer);
    const earlier = await this.#standing(open, id);
    await open.handle.scheduleRecords.set(id, {
      schedule: scheduleFrom(input),
      job: input.job,
      state: input.paused === true ? 'paused' : 'running',
      isDeclared: earlier?.isDeclared ?? false,
      ...(earlier?.declared !== undefined && { declared: earlier.declared }),
    });
    await this.#bringAbout(open, id);
    const view = await this.get(queue, id);
    if (view !== undefined) return view;
    // Somebody else has removed it meanwhile.
    return {
      id,
      queue,
      ...scheduleFrom(input),
      paused: false,
      next: null,
      upcoming: [],
      job: { name: queue, ...input.job },
    };
  }

  /**
   * Removes a schedule and the job that it would have made next; replies whether there was one. One that is declared in
   * the configuration does not come back before its declaration changes.
   *
   * @throws QueueUnknownError (404), QueueUnavailableError (503: repeat it)
   */
  async remove(queue: NameOf<Known>, id: string): Promise<boolean> {
    const open = this.#open(queue);
    if (!canBeAskedFor(id)) return false;
    const earlier = await this.#standing(open, id);
    // One that another program left, and that does not say how it runs, cannot be declared here.
    if (earlier === undefined || earlier.state === 'removed') return removeSchedule(id, open.handle);
    const { scheduleRecords } = open.handle;
    await scheduleRecords.set(id, { ...earlier, state: 'removed' });
    await this.#bringAbout(open, id);
    if (!earlier.isDeclared && (await scheduleRecords.get(id))?.state === 'removed') await scheduleRecords.delete(id);
    return true;
  }

  /**
   * Removes a schedule that is no longer declared, with all that was said of it: should it be declared again, that holds.
   * Replies `false`, and does nothing, where a newer release declares it.
   *
   * @throws QueueUnknownError (404), QueueUnavailableError (503: repeat it)
   */
  async undeclare(queue: NameOf<Known>, id: string): Promise<boolean> {
    const { handle } = this.#open(queue);
    const declaration = { queue, id, fingerprint: fingerprintOf(null), isSaidOnce: true };
    return this.#declarations.declare(declaration, handle.scheduleRecords, async () => {
      await removeSchedule(id, handle);
      await handle.scheduleRecords.delete(id);
    });
  }

  /** Makes no more jobs until `resume`; `undefined` when there is no such schedule. @throws as `remove` */
  async pause(queue: NameOf<Known>, id: string): Promise<ScheduleView | undefined> {
    return this.#change(queue, id, 'paused');
  }

  /** Goes on with the next run from now; what was missed is not made good. @throws as `remove` */
  async resume(queue: NameOf<Known>, id: string): Promise<ScheduleView | undefined> {
    return this.#change(queue, id, 'running');
  }

  /**
   * Brings about what was said of the schedules of a queue, where a process died before it had, and gives those a next job
   * whose next job got lost. For the start of a process; any number may do so at once.
   *
   * @throws QueueUnknownError (404), QueueUnavailableError (503: repeat it)
   */
  async mend(queue: NameOf<Known>): Promise<void> {
    const open = this.#open(queue);
    const { scheduleRecords } = open.handle;
    const records = await scheduleRecords.all();
    // What is said of a schedule leaves much of its jobs to the policy of their queue: that of the newer release holds, which mends, too.
    const policy = {
      queue,
      id: policyId,
      fingerprint: fingerprintOf(storedOptions(open.definition)),
      isSaidOnce: true,
    };
    const mended = async (): Promise<void> => this.#mendAll(open, records);
    if (records.size > 0) await this.#declarations.declare(policy, scheduleRecords, mended);
  }

  async #mendAll(open: ScheduledQueue, records: ReadonlyMap<string, ScheduleRecord>): Promise<void> {
    for (const [id, { state, isDeclared }] of records) {
      await this.#bringAbout(open, id);
      if (state === 'removed' && !isDeclared) await open.handle.scheduleRecords.delete(id);
    }
  }

  async #change(queue: NameOf<Known>, id: string, state: 'paused' | 'running'): Promise<ScheduleView | undefined> {
    const open = this.#open(queue);
    const earlier = canBeAskedFor(id) ? await this.#standing(open, id) : undefined;
    if (earlier === undefined || earlier.state === 'removed') return undefined;
    if (earlier.state !== state) {
      await open.handle.scheduleRecords.set(id, { ...earlier, state });
      await this.#bringAbout(open, id);
    }
    return this.get(queue, id);
  }

  /**
   * What is said of a schedule; of one that nobody said anything of, what BullMQ has: then it was declared. One whose
   * removal was interrupted is still there, and as declared or not as it was.
   */
  async #standing({ handle }: ScheduledQueue, id: string): Promise<ScheduleRecord | undefined> {
    const record = await handle.scheduleRecords.get(id);
    if (record !== undefined && record.state !== 'removed') return record;
    const existing = await readStoredSchedule(handle, id);
    if (existing?.schedule === undefined) return record;
    const { schedule, name, data } = existing;
    return {
      schedule,
      job: { ...(name !== undefined && { name }), data },
      state: 'running',
      isDeclared: record?.isDeclared ?? true,
      ...(record?.declared !== undefined && { declared: record.declared }),
    };
  }

  /** Until what is written down is what there is, also when others write at the same time. */
  async #bringAbout({ handle, definition }: ScheduledQueue, id: string): Promise<void> {
    for (;;) {
      const record = await handle.scheduleRecords.get(id);
      if (record === undefined) return;
      await bringAbout(id, record, { handle, definition });
      const after = await handle.scheduleRecords.get(id);
      if (JSON.stringify(after) === JSON.stringify(record)) return;
    }
  }
}

/** Makes BullMQ have what a record says. Idempotent. */
export async function bringAbout(id: string, record: ScheduleRecord, target: ScheduleTarget): Promise<void> {
  if (record.state !== 'running') await removeSchedule(id, target.handle);
  else await upsertSchedule(id, { ...record, startsOneIntervalLater: true }, target);
}

function check(id: string, { job, ...when }: ScheduleInput, producer: Producer): void {
  const issues: FieldIssue[] = [];
  if (!isScheduleId(id)) issues.push({ path: '/id', message: `${scheduleIdRule}.` });
  issues.push(...scheduleIssues(when));
  const { name, data, options = {} } = job;
  const nameProblem = name === undefined ? undefined : jobNameProblem(name);
  if (nameProblem !== undefined) issues.push({ path: '/job/name', message: nameProblem });
  for (const option of refused) {
    if (options[option] !== undefined) {
      issues.push({ path: `/job/options/${option}`, message: 'is not for jobs that a schedule makes.' });
    }
  }
  if (issues.length > 0) throw new JobOptionsInvalidError(issues);
  checkJobOptions(options, '/job/options');
  // The template becomes a job much later, when nobody is there to be told that its data do not fit.
  producer.prepare({ data });
}

function scheduleFrom({ pattern, tz, everyMs }: ScheduleInput): Schedule {
  if (everyMs !== undefined) return { everyMs };
  return { pattern: pattern ?? '', ...(tz !== undefined && { tz }) };
}
