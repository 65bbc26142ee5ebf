import type { AddJob } from '../producer.ts';

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
  /** Since when it may be in the store: the first time that it was sent with an outcome that is not known. */
  readonly sentAt?: number;
  /** How often the store refused it for a reason of its own. */
  readonly failures: number;
  /** Why it was set aside: it is not forwarded until somebody has looked. */
  readonly reason?: SetAsideReason;
}

export type NewOutboxEntry = Omit<OutboxEntry, 'seq' | 'failures' | 'reason'>;

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
