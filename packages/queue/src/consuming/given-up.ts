import { parseFailure, type JobErrorView } from '../job/job-view.ts';

/** A job that has failed for good. */
export interface GivenUpJob {
  readonly id: string;
  readonly queue: string;
  readonly name: string;
  readonly data: unknown;
  /** How often it was tried. */
  readonly attempts: number;
  readonly error: JobErrorView;
  /** How often it has been redriven: with `id` it tells this failure from those before. */
  readonly redriven: number;
}

/**
 * Told of each job that is given up, before that is recorded: a consumer that dies in between tells it again, after the
 * job has run once more. A job that is given up without running (it took its worker down too often) is told after it was
 * recorded, and so not if the consumer dies at that very moment; one that was cancelled while it waited is not. It must end by
 * itself, because the job holds its place until then; what it throws is reported and changes nothing.
 */
export type OnGivenUp = (job: GivenUpJob) => Promise<void>;

/** The parts of a job that is given up. */
interface GivenUp {
  readonly id: string;
  readonly name: string;
  readonly data: unknown;
  readonly attempt: number;
  readonly redriven: number;
}

/** @param reason as it is stored: `CODE: message` */
export function givenUpJob(queue: string, { id, name, data, attempt, redriven }: GivenUp, reason: string): GivenUpJob {
  return { id, queue, name, data, attempts: attempt, error: parseFailure(reason), redriven };
}
