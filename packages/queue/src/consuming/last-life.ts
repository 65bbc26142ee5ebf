import type { HeldJob, WorkerRegistry } from '../port/worker-registry.ts';
import { asError } from './failure.ts';

interface LastLifeTerms {
  readonly store: Pick<WorkerRegistry, 'crashesOf' | 'beginAlone'>;
  readonly maxCrashes: number;
  readonly onError: (error: Error) => void;
}

/** Over all queues of this process, so that it is known which job it was that killed it. */
let isRunning = false;

/**
 * A job that would be given up at its next crash runs alone among such jobs in this process, and only then counts as
 * running. Resolves with what is to be called when its run has ended; `undefined` for any other job, which may run beside
 * others; `busy` while another such job runs.
 */
export async function beginLastLife(
  { id, token }: HeldJob,
  { store, maxCrashes, onError }: LastLifeTerms,
): Promise<(() => void) | undefined | 'busy'> {
  if (maxCrashes < 2) return undefined;
  try {
    if ((await store.crashesOf(id)) < maxCrashes - 1) return undefined;
  } catch (error) {
    onError(asError(error));
    return undefined;
  }
  if (isRunning) return 'busy';
  isRunning = true;
  await store.beginAlone(id, token).catch((error: unknown) => onError(asError(error)));
  return () => {
    isRunning = false;
  };
}
