import type { JobOptions } from '../job/job-options.ts';

/** A job as its caller asks for it. */
export interface AddJob<Data = unknown> {
  /** Tells jobs of one queue apart in lists; 1 to 128 characters. Default: the name of the queue. */
  readonly name?: string;
  readonly data: Data;
  readonly options?: JobOptions;
}
