import { QueueOutcomeUnknownError, QueueUnavailableError } from '../job/errors.ts';

/**
 * One step of a call that takes several. Where an earlier one has changed something, that the store is away does not mean
 * that nothing was changed.
 */
export async function laterStep<T>(hasChanged: boolean, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (!hasChanged || !(error instanceof QueueUnavailableError)) throw error;
    throw new QueueOutcomeUnknownError(`A part of it was done, and then: ${error.message}`, { cause: error });
  }
}
