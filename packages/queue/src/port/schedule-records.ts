import type { Schedule } from '../job/schedule.ts';
import type { JobOptions } from '../job/job-options.ts';
import { scheduleIssues } from '../job/schedule-rules.ts';

/** The job that a schedule makes. */
export interface ScheduledJob<Data = unknown> {
  readonly name?: string;
  readonly data: Data;
  readonly options?: JobOptions;
}

/** What somebody said of a schedule, which holds over what is declared of it until the declaration changes. */
export interface ScheduleRecord {
  readonly schedule: Schedule;
  readonly job: ScheduledJob;
  /** `removed` is kept only of a schedule that is declared: it must not come back at the next start. */
  readonly state: 'running' | 'paused' | 'removed';
  /** Whether the schedule is declared as well. */
  readonly isDeclared: boolean;
  /** The declaration that this stands over; absent until a process has declared the schedule again. */
  readonly declared?: string;
}

/** Where the records of one queue are kept: BullMQ has no place for a schedule that does not run. */
export interface ScheduleRecords {
  all(): Promise<ReadonlyMap<string, ScheduleRecord>>;
  get(id: string): Promise<ScheduleRecord | undefined>;
  set(id: string, record: ScheduleRecord): Promise<void>;
  delete(id: string): Promise<void>;
  /** What is declared of a schedule. */
  declared(id: string): Promise<DeclaredText>;
  /**
   * Stores what is declared of a schedule, and that who declares it is there for so long; unless what is stored is not
   * `before` any more: then `false`.
   */
  declare(id: string, before: string, after: string, aliveForMs: number): Promise<boolean>;
  /** Says that who declares these is still there, where they hold. @param fingerprints by the ids of schedules */
  keepDeclared(fingerprints: ReadonlyMap<string, string>, aliveForMs: number): Promise<void>;
}

export interface DeclaredText {
  /** By the clock of the store, milliseconds since the epoch; so is `aliveUntil`. */
  readonly now: number;
  /** '' where nothing is declared. */
  readonly text: string;
  /** Until when a process that declares it counts as being there. */
  readonly aliveUntil: number;
}

/** Whether something that was stored is a record: anybody can write to the store. */
export function isScheduleRecord(value: unknown): value is ScheduleRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { schedule, job, state } = value as Readonly<Record<keyof ScheduleRecord, unknown>>;
  return (
    [...scheduleIssues(schedule)].length === 0 &&
    typeof job === 'object' &&
    job !== null &&
    ['running', 'paused', 'removed'].includes(String(state))
  );
}
