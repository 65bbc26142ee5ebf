import { anything, checkOptions, list, type OptionRules, wholeNumber } from '@holdfast/redis-core';
import type { Catalogue } from './job/catalogue.ts';
import { maxBatchJobs } from './job/limits.ts';
import type { Outbox } from './outbox/outbox.ts';
import type { QueueBackend } from './port/backend.ts';

export interface QueuesOptions<Known extends Catalogue = Catalogue> {
  readonly backend: QueueBackend;
  readonly definitions: Known;
  /** Names of queues that are turned off: not there, and said to be so instead of unknown. */
  readonly disabled?: readonly string[];
  /** Takes jobs while the store is away. It then belongs to this object, which starts and closes it. */
  readonly outbox?: Outbox;
  /**
   * How many of the jobs that are added in one turn of the event loop are sent as one command, 1 to 50. Default 50; 1
   * sends every job by itself.
   */
  readonly addBatchSize?: number;
  /**
   * The number of this release, for what it declares of schedules: what has a higher one holds, and what has a lower one is
   * not brought about. Of one number the later holds. Default 0.
   */
  readonly generation?: number;
}

export interface GetOptions {
  /** Wait so long at most for the job to end. At most 30 s; more is cut to that. */
  readonly waitMs?: number;
  /** Ends the wait early; the job is then returned as it is. */
  readonly signal?: AbortSignal;
}

const queues: OptionRules<QueuesOptions> = {
  backend: anything,
  definitions: list,
  disabled: list,
  outbox: anything,
  addBatchSize: wholeNumber(1, maxBatchJobs),
  generation: wholeNumber(0),
};

/** @throws OptionInvalidError naming the option that is not allowed */
export function checkQueuesOptions(options: QueuesOptions): void {
  checkOptions('Queues', options, queues);
}

const get: OptionRules<GetOptions> = { waitMs: wholeNumber(0), signal: anything };

/** @throws OptionInvalidError naming the option that is not allowed */
export function checkGetOptions(options: GetOptions): void {
  checkOptions('get', options, get);
}
