import type { AddJob } from '../producing/add-job.ts';

/** A job that was acknowledged while its store was away, as it lies in the file. */
export interface OutboxEntry {
  /** Grows with each entry: the order in which they were accepted. */
  readonly seq: number;
  readonly queue: string;
  readonly id: string;
  /** Of its marker, or of the one of the command that it was sent by: see `NewJob.once`. */
  readonly token: string;
  /** Its place in that command. */
  readonly place?: number;
  /** As its caller gave it, so that it is checked against the queue as it is when it is forwarded. */
  readonly job: AddJob;
  /** Milliseconds since the epoch. */
  readonly acceptedAt: number;
  /** By how much its call has delayed it, beside the delay that the job itself asks for. */
  readonly laterMs: number;
  /** Since when it may be in the store: the first time that it was sent with an outcome that is not known. */
  readonly sentAt?: number;
  /** How often the store refused it for a reason of its own. */
  readonly failures: number;
  /** Why it was set aside: it is not forwarded until somebody has looked. */
  readonly reason?: SetAsideReason;
}

/** As it comes to the file. */
export interface NewOutboxEntry extends Omit<OutboxEntry, 'seq' | 'failures' | 'reason' | 'job' | 'laterMs'> {
  readonly laterMs?: number;
  /** The job as JSON. */
  readonly body: string;
}

/** As it lies in the file: its job and its reason as JSON. */
export interface StoredEntry extends Omit<OutboxEntry, 'job' | 'reason'> {
  readonly body: string;
  readonly reason?: string;
}

/** What became of an entry that was to be stored: it is; one of its queue and id is there; its disk has no room. */
export type InsertOutcome = 'stored' | 'known' | 'no-room';

/** What an entry takes beside its data: its columns, its indexes, and its share of half-empty pages. */
const overheadBytes = 300;

/** What an entry is counted as. */
export function bytesOf(body: string): number {
  return Buffer.byteLength(body) + overheadBytes;
}

/** @param dataAsJson where that is known already: it is most of what there is to write */
export function bodyOf(job: AddJob, dataAsJson: string | undefined): string {
  const { name, options } = job;
  if (dataAsJson === undefined) return JSON.stringify({ name, data: job.data, options });
  const named = name === undefined ? '' : `"name":${JSON.stringify(name)},`;
  const opted = options === undefined ? '' : `,"options":${JSON.stringify(options)}`;
  return `{${named}"data":${dataAsJson}${opted}}`;
}

export interface SetAsideReason {
  /** Of the error, as in the catalogues. */
  readonly code: string;
  readonly message: string;
}

/** What is to be noted of a batch that was sent; all of it in one commit. */
export interface Settlement {
  /** They are in the store. */
  readonly forwarded: readonly number[];
  /** They were never in the store, and nothing that is under way will put them there. */
  readonly notSent: readonly number[];
  /** The store refused them. */
  readonly refused: readonly number[];
  readonly setAside: readonly { readonly seq: number; readonly reason: SetAsideReason }[];
}
