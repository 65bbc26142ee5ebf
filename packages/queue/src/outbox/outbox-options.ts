import { anything, checkOptions, milliseconds, type OptionRules, wholeNumber } from '@holdfast/redis-core';
import type { DiskFolder } from '@holdfast/redis-core/disk';

export interface OutboxOptions {
  /**
   * Where its file `outbox.db` lies: a folder that is open already (see `openDiskFolder`), whose owner closes it after the queues;
   * or the path of one of this process alone, on a volume that outlives it.
   */
  readonly folder: DiskFolder | string;
  /** What the data of its jobs may take. Default 256 MiB. The file may take twice that. */
  readonly maxBytes?: number;
  /** Default 1 000 000. */
  readonly maxJobs?: number;
  /** What must stay free on its disk. Default 64 MiB. */
  readonly minFreeBytes?: number;
  /** A store that takes longer to answer an add counts as away. Default 750. */
  readonly patienceMs?: number;
}

const outbox: OptionRules<OutboxOptions> = {
  folder: anything,
  maxBytes: wholeNumber(1),
  maxJobs: wholeNumber(1),
  minFreeBytes: wholeNumber(0),
  patienceMs: milliseconds(),
};

/** @throws OptionInvalidError naming the option that is not allowed */
export function checkOutboxOptions(options: OutboxOptions): void {
  checkOptions('openOutbox', options, outbox);
}

/** What a process holds for a store that is away. */
export interface OutboxStatus {
  /** Jobs that wait to be forwarded. */
  readonly waiting: number;
  /** Jobs that cannot be forwarded as they are; `GET` of one says why. */
  readonly setAside: number;
  readonly bytes: number;
  readonly maxBytes: number;
  /** Of the job that waits longest; 0 when none does. */
  readonly oldestAgeMs: number;
  /** Whether a job would be taken now. */
  readonly accepting: boolean;
  /** Why not, or why the last batch could not be forwarded. */
  readonly reason?: string;
}
