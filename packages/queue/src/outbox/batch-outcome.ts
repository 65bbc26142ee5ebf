import { AccessRefusedError, HoldfastError } from '@holdfast/redis-core';
import type { AddedJob } from '../job/new-job.ts';
import { QueueOutcomeUnknownError, QueueOutOfMemoryError, QueueUnavailableError } from '../job/errors.ts';
import type { OutboxEntry, SetAsideReason } from './entry.ts';

/** An entry that the store refuses so often, for a reason of its own, is set aside: those behind it are to go on. */
const maxRefusals = 8;

/** What became of the entries of a batch. */
export class BatchOutcome {
  readonly forwarded: OutboxEntry[] = [];
  /** The store had them already. */
  readonly known: OutboxEntry[] = [];
  /** They are not in the store, and were not before. */
  readonly notSent: OutboxEntry[] = [];
  readonly refused: OutboxEntry[] = [];
  readonly aside: { readonly entry: OutboxEntry; readonly reason: SetAsideReason }[] = [];
  error: Error | undefined;

  setAside(entry: OutboxEntry, reason: SetAsideReason): void {
    this.aside.push({ entry, reason });
  }

  note(entry: OutboxEntry, reply: AddedJob | Error | undefined): void {
    if (reply === undefined || reply instanceof Error) this.#noteFailure(entry, reply);
    else if (reply.existed) this.known.push(entry);
    else this.forwarded.push(entry);
  }

  #noteFailure(entry: OutboxEntry, error: Error | undefined): void {
    this.error ??= error ?? new Error('The store did not answer.');
    // That the store is away, full, or forbids it says nothing about this entry: it keeps its turn.
    if (isOfStore(error)) {
      if (entry.sentAt === undefined) this.notSent.push(entry);
    } else if (error !== undefined && !(error instanceof QueueOutcomeUnknownError)) {
      if (entry.failures + 1 >= maxRefusals) this.setAside(entry, reasonOf(error));
      else this.refused.push(entry);
    }
  }
}

function isOfStore(error: Error | undefined): boolean {
  return [QueueUnavailableError, QueueOutOfMemoryError, AccessRefusedError].some((kind) => error instanceof kind);
}

export function reasonOf(error: unknown): SetAsideReason {
  if (error instanceof HoldfastError) return { code: error.code, message: error.message };
  return { code: 'JOB_FAILED', message: toError(error).message };
}

export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
