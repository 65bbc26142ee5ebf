import { randomUUID } from 'node:crypto';
import type { QueueHandle } from './backends/backend.ts';
import type { QueueDefinition, Schedule } from './define-queue.ts';
import { storedOptions } from './job-options.ts';
import { compilePayload } from './payload.ts';
import type { Producer } from './producer.ts';

/** One schedule of a queue: which job it makes, and when. */
export interface ScheduleEntry {
  readonly queue: string;
  /** Unique in its queue; letters, digits and `. _ ~ -`. */
  readonly id: string;
  /** Without it, only `runAtStart` counts. */
  readonly schedule?: Schedule;
  readonly data: unknown;
  /** Also add a job now. */
  readonly runAtStart?: boolean;
}

export interface ScheduleTarget {
  readonly definition: QueueDefinition;
  readonly handle: QueueHandle;
  readonly producer: Producer;
}

/** The entries that definitions ask for by themselves. */
export function entriesOf(definitions: readonly QueueDefinition[]): ScheduleEntry[] {
  return definitions.filter(({ schedule, runAtStart }) => schedule !== undefined || runAtStart === true).map(entryOf);
}

function entryOf({ name, schedule, runAtStart = false }: QueueDefinition): ScheduleEntry {
  const entry = { queue: name, id: name, data: {}, runAtStart };
  return schedule === undefined ? entry : { ...entry, schedule };
}

/** Brings one schedule into being and adds its job of this start. Idempotent. */
export async function ensureSchedule(entry: ScheduleEntry, target: ScheduleTarget): Promise<void> {
  if (entry.schedule !== undefined) await upsert(entry, entry.schedule, target);
  if (entry.runAtStart === true) await runNow(entry, target);
}

async function upsert(entry: ScheduleEntry, schedule: Schedule, { definition, handle }: ScheduleTarget): Promise<void> {
  // The template is stored now and becomes a job much later, when nobody is there to be told that it does not fit.
  compilePayload(entry.queue, definition.payload)(entry.data);
  const template = { name: entry.queue, data: entry.data, opts: storedOptions(definition) };
  // `every` would run once at once; where a job of this start is added anyway, the first run is one interval away.
  const repeat =
    'everyMs' in schedule
      ? { every: schedule.everyMs, ...(entry.runAtStart === true && { startDate: Date.now() + schedule.everyMs }) }
      : { pattern: schedule.pattern, tz: schedule.tz ?? 'UTC' };

  const existing = await handle.call((queue) => queue.getJobScheduler(entry.id));
  if (existing !== undefined && existing.next !== undefined) {
    const same =
      ('every' in repeat ? Number(existing.every) === repeat.every : existing.pattern === repeat.pattern) &&
      ('every' in repeat || existing.tz === repeat.tz) &&
      JSON.stringify(existing.template?.data ?? {}) === JSON.stringify(entry.data ?? {});
    // An upsert replaces the next job: repeating it at every start of a process that restarts often would put the
    // job off for ever.
    if (same) return;
  }
  await handle.call((queue) => queue.upsertJobScheduler(entry.id, repeat, template));
}

/**
 * One job per start, but not one more for each process that starts while it still waits: the id is the schedule's, and
 * a job of an earlier start that has ended makes room for it.
 */
async function runNow(entry: ScheduleEntry, { handle, producer }: ScheduleTarget): Promise<void> {
  const jobId = `start.${entry.id}`;
  const state = await handle.call((queue) => queue.getJobState(jobId));
  if (state === 'completed' || state === 'failed') await handle.call((queue) => queue.remove(jobId));
  // An active one may belong to a process that died; waiting for its lock to expire would delay this start.
  const id = state === 'active' ? `${jobId}.${randomUUID().slice(0, 8)}` : jobId;
  await producer.add({ data: entry.data, options: { jobId: id } });
}
