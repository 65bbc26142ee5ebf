import { randomUUID } from 'node:crypto';
import type { QueueHandle } from '../port/backend.ts';
import type { AddedJob, Marker, NewJob } from '../job/new-job.ts';
import { QueueOutcomeUnknownError, QueueUnavailableError } from '../job/errors.ts';
import type { MarkerCleanup } from './marker-cleanup.ts';
import { ImpatienceError, withPatience } from '../port/deadline.ts';
import { markerTtlMs } from './replay-window.ts';

export interface MarkedCommandsOptions {
  readonly handle: Pick<QueueHandle, 'addMany'>;
  readonly markers: MarkerCleanup;
  /** A store that takes longer to answer a command counts as away. */
  readonly patienceMs: number;
}

/** Of a job that may be in the store, or come into it. Sent again with this marker, it is not added twice. */
export class UnansweredError extends Error {
  readonly marker: Marker;

  constructor(marker: Marker, cause: Error) {
    super(cause.message, { cause });
    this.marker = marker;
  }
}

/**
 * Adds jobs by commands that each have a marker, as any of them may lose its answer. A marker is needed for as long as a
 * job of its command may be sent again: it goes when all of them were answered in time, and otherwise ends by itself.
 */
export class MarkedCommands {
  readonly #options: MarkedCommandsOptions;

  constructor(options: MarkedCommandsOptions) {
    this.#options = options;
  }

  /**
   * One command. Never rejects.
   *
   * @returns a result per job: the added one, `UnansweredError`, or what `QueueHandle.add` throws where nothing was added
   */
  async send(jobs: readonly NewJob[]): Promise<(AddedJob | Error)[]> {
    const { markers } = this.#options;
    const marker = { token: randomUUID(), ttlMs: markerTtlMs };
    const results = await this.#results(jobs, marker);
    if (results.every((result) => !mayBeSentAgain(result))) markers.add(marker.token);
    return results.map((result, index) =>
      isUnknown(result)
        ? new UnansweredError(jobs.length === 1 ? marker : { ...marker, place: index + 1 }, result)
        : result,
    );
  }

  async #results(jobs: readonly NewJob[], marker: Marker): Promise<(AddedJob | Error)[]> {
    const { handle, patienceMs } = this.#options;
    const [job] = jobs;
    try {
      // A marker of its own is a little less for the store than one that is shared.
      const sending =
        job !== undefined && jobs.length === 1
          ? handle.addMany([{ ...job, once: marker }])
          : handle.addMany(jobs, marker);
      return await withPatience(sending, patienceMs);
    } catch (error) {
      if (error instanceof ImpatienceError) return jobs.map(() => error);
      throw error;
    }
  }
}

function isUnknown(result: AddedJob | Error): result is Error {
  return result instanceof QueueOutcomeUnknownError || result instanceof ImpatienceError;
}

function mayBeSentAgain(result: AddedJob | Error): boolean {
  return isUnknown(result) || result instanceof QueueUnavailableError;
}
