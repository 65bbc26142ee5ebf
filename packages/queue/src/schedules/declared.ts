import type { Catalogue, DataOf } from '../job/catalogue.ts';
import type { QueueDefinition } from '../job/define-queue.ts';
import type { Schedule } from '../job/schedule.ts';
import { JobOptionsInvalidError } from '../job/errors.ts';
import { storedOptions } from '../job/job-options.ts';
import { upsertSchedule } from './bullmq-schedule.ts';
import { fingerprintOf } from './declaration.ts';
import type { Declarations } from './declarations.ts';
import { isScheduleId, scheduleIdRule } from '../job/schedule-rules.ts';
import { bringAbout, type ScheduledQueue } from './schedules.ts';

/** One schedule that is declared for a queue: which job it makes, and when. */
export type ScheduleEntry<Known extends Catalogue = Catalogue> = EntryOf<Known[number]>;

type EntryOf<Definition extends QueueDefinition> = Definition extends QueueDefinition
  ? QueueSchedule<Definition['name'], DataOf<Definition>>
  : never;

interface QueueSchedule<Name extends string, Data> {
  readonly queue: Name;
  /** Unique in its queue: 1 to 128 of `A-Z a-z 0-9 . _ ~ -`, and not `.` or `..`. */
  readonly id: string;
  /** Without it, only `runAtStart` counts. */
  readonly schedule?: Schedule;
  readonly data: Data;
  /** Also add a job now. */
  readonly runAtStart?: boolean;
}

/** The entries that definitions ask for by themselves. */
export function entriesOf(definitions: readonly QueueDefinition[]): ScheduleEntry[] {
  return definitions.filter(({ schedule, runAtStart }) => schedule !== undefined || runAtStart === true).map(entryOf);
}

function entryOf({ name, schedule, runAtStart = false }: QueueDefinition): ScheduleEntry {
  const entry = { queue: name, id: name, data: {}, runAtStart };
  return schedule === undefined ? entry : { ...entry, schedule };
}

/**
 * Brings one schedule into being and adds its job of this start. Idempotent. What somebody said of the schedule since it
 * was declared stays; once its declaration changes, that holds.
 *
 * @returns `false` where something newer is declared of it: then nothing was done
 */
export async function ensureSchedule(
  entry: ScheduleEntry,
  target: ScheduledQueue,
  declarations: Declarations,
): Promise<boolean> {
  if (!isScheduleId(entry.id)) throw new JobOptionsInvalidError([{ path: '/id', message: `${scheduleIdRule}.` }]);
  // The template is stored now and becomes a job much later, when nobody is there to be told that it does not fit.
  target.producer.prepare({ data: entry.data });
  const { schedule } = entry;
  let isStopped = false;
  if (schedule !== undefined) {
    // All that a declaration brings about is part of it, also what its release says of the jobs of the queue.
    const fingerprint = fingerprintOf([schedule, entry.data, storedOptions(target.definition)]);
    const declaration = { queue: entry.queue, id: entry.id, fingerprint };
    const holds = await declarations.declare(declaration, target.handle.scheduleRecords, async () => {
      isStopped = await ensure(entry, schedule, target);
    });
    if (!holds) return false;
  }
  if (entry.runAtStart === true && !isStopped) await runNow(entry, target);
  return true;
}

/** @returns whether somebody has paused or removed it */
async function ensure(entry: ScheduleEntry, schedule: Schedule, target: ScheduledQueue): Promise<boolean> {
  const { id, data } = entry;
  const { scheduleRecords } = target.handle;
  const declared = JSON.stringify([schedule, data]);
  const record = await scheduleRecords.get(id);
  if (record !== undefined && (record.declared ?? declared) === declared) {
    if (record.declared === undefined) await scheduleRecords.set(id, { ...record, isDeclared: true, declared });
    await bringAbout(id, record, target);
    return record.state !== 'running';
  }
  if (record !== undefined) await scheduleRecords.delete(id);
  // Where a job of this start is added anyway, the first run is one interval away.
  await upsertSchedule(id, { schedule, job: { data }, startsOneIntervalLater: entry.runAtStart === true }, target);
  return false;
}

/** States of a job that still waits for its run. */
const waitingStates = new Set(['waiting', 'prioritized', 'delayed', 'waiting-children']);

/**
 * Of all processes that start while a run of theirs waits none adds another, and of all that start while one runs the first
 * adds one that runs after it. So the ids are the schedule's, and a job of an earlier start that has ended makes room. That
 * the one which runs belongs to a process that died may not delay this start until its lock expires: the second id is free.
 */
async function runNow(entry: ScheduleEntry, { handle, producer }: ScheduledQueue): Promise<void> {
  const ids = [`start.${entry.id}`, `start.${entry.id}.next`];
  const states = [];
  for (const id of ids) states.push(await handle.call((queue) => queue.getJobState(id)));
  if (states.some((state) => waitingStates.has(state))) return;
  const free = states.findIndex((state) => state !== 'active');
  const jobId = ids[free];
  if (jobId === undefined) return;
  if (states[free] !== 'unknown') await handle.change((queue) => queue.remove(jobId));
  await producer.add({ data: entry.data, options: { jobId } });
}
