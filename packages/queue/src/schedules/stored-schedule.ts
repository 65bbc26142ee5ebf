import { CommandError } from '@holdfast/redis-core';
import { Job } from 'bullmq';
import { StoredFields } from '../job/stored-fields.ts';
import type { QueueHandle } from '../port/backend.ts';
import type { Schedule } from '../job/schedule.ts';
import { canBeAskedFor } from '../job/job-id.ts';
import { isTimeZone, nextRuns } from '../job/schedule-rules.ts';

/** A schedule as BullMQ has it, whoever made it. */
export interface StoredSchedule {
  readonly id: string;
  /** Absent where what is stored does not say it, or not so that it can be worked with. */
  readonly schedule?: Schedule;
  /** Milliseconds since the epoch. */
  readonly next?: number;
  readonly name?: string;
  readonly data: unknown;
  /** Of its jobs, in BullMQ's words. */
  readonly options: Readonly<Record<string, unknown>>;
  /** See `JobView.damaged`. */
  readonly damaged: readonly string[];
}

/** Reads at a time, of a list: enough to hide the way to the store. */
const together = 50;

/**
 * All schedules of a queue. Not by BullMQ's own `getJobSchedulers`, which fails as a whole for one of an earlier version or
 * one that is no JSON, and removes what it finds no data of.
 *
 * @throws QueueUnavailableError
 */
export async function listStoredSchedules(handle: QueueHandle): Promise<StoredSchedule[]> {
  const range = await handle.call((queue) => queue.getBackend().getJobSchedulersRange(0, -1, true));
  const entries = Array.from({ length: Math.floor(range.length / 2) }, (_, at): [string, string] => [
    String(range[2 * at]),
    String(range[2 * at + 1]),
  ]);
  const schedules: StoredSchedule[] = [];
  for (let at = 0; at < entries.length; at += together) {
    const page = entries.slice(at, at + together).filter(([id]) => canBeAskedFor(id));
    const read = await Promise.all(page.map(async ([id, next]) => withData(handle, id, next)));
    schedules.push(...read.filter((schedule) => schedule !== undefined));
  }
  return schedules;
}

/** @throws QueueUnavailableError */
export async function readStoredSchedule(handle: QueueHandle, id: string): Promise<StoredSchedule | undefined> {
  try {
    const [hash, next] = await handle.call((queue) => queue.getBackend().getJobScheduler(id));
    return next === null || next === undefined
      ? undefined
      : toSchedule(id, next, pairs(Array.isArray(hash) ? hash : []));
  } catch (error) {
    // Something else is stored where its data should be.
    if (isOfAnotherType(error)) return toSchedule(id, undefined, {});
    throw error;
  }
}

async function withData(handle: QueueHandle, id: string, next: string): Promise<StoredSchedule | undefined> {
  try {
    const data = await handle.call((queue) => queue.getBackend().getJobSchedulerData(id));
    // It may have been removed since the list was read.
    return Object.keys(data).length === 0 ? await readStoredSchedule(handle, id) : toSchedule(id, next, data);
  } catch (error) {
    if (isOfAnotherType(error)) return toSchedule(id, next, {});
    throw error;
  }
}

function isOfAnotherType(error: unknown): boolean {
  return error instanceof CommandError && error.message.includes('WRONGTYPE');
}

function toSchedule(id: string, next: unknown, hash: Readonly<Record<string, unknown>>): StoredSchedule {
  const fields = new StoredFields({ ...hash, next });
  const schedule = scheduleIn(fields);
  const nextRun = fields.time('next');
  const options = optionsIn(fields);
  return {
    id,
    ...(schedule !== undefined && { schedule }),
    ...(nextRun !== undefined && { next: nextRun }),
    ...(fields.has('name') && { name: fields.text('name') }),
    // BullMQ stores no data where there are none, and none where they are empty.
    data: fields.has('data') ? fields.json('data', {}) : {},
    options,
    damaged: fields.damaged,
  };
}

function scheduleIn(fields: StoredFields): Schedule | undefined {
  const tz = fields.has('tz') ? fields.text('tz') : undefined;
  if (tz !== undefined && !isTimeZone(tz)) fields.note('tz');
  if (fields.has('pattern')) {
    const schedule = { pattern: fields.text('pattern'), ...(tz !== undefined && { tz }) };
    if (isRunnable(schedule)) return schedule;
    fields.note('pattern');
    return undefined;
  }
  const everyMs = fields.has('every') ? fields.count('every') : 0;
  if (everyMs > 0) return { everyMs };
  fields.note('every');
  return undefined;
}

/** A program may have a strategy of its own, whose patterns nobody else can read. */
function isRunnable(schedule: Schedule): boolean {
  try {
    nextRuns(schedule, Date.now(), 1);
    return true;
  } catch {
    return false;
  }
}

function optionsIn(fields: StoredFields): Readonly<Record<string, unknown>> {
  if (!fields.has('opts')) return {};
  const options: Readonly<Record<string, unknown>> = { ...Job.optsFromJSON(JSON.stringify(fields.object('opts'))) };
  return options;
}

function pairs(list: readonly unknown[]): Record<string, unknown> {
  return Object.fromEntries(
    Array.from({ length: Math.floor(list.length / 2) }, (_, at) => [String(list[2 * at]), list[2 * at + 1]]),
  );
}
