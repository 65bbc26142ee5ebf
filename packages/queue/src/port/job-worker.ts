import type { Job, Worker, WorkerOptions } from 'bullmq';
import type { RateLimit } from '../job/define-queue.ts';
import type { ClaimOutcome, HeldJob } from './worker-registry.ts';

export type WorkerTuning = Omit<WorkerOptions, 'connection' | 'prefix'>;

export interface FetchControl {
  /** What the lock tokens of this worker begin with: `<workerId>:<n>`. */
  readonly workerId: string;
  readonly permits: FetchPermits;
  /** Over all workers, no more jobs are fetched in any span of that length, by the clock of the store. Default: no limit. */
  readonly rateLimit?: RateLimit;
  /** Awaited before each fetch. */
  readonly beforeFetch: () => Promise<void>;
  /** Told that a job was cancelled which this worker holds or held. It may also learn that from a beat alone. */
  readonly onCancelled: (job: HeldJob) => void;
  /** Told that the lock of a job that this worker holds has run out. */
  readonly onLockMissing: () => void;
  /** Told that the worker has its connection again: what was said or sent when that broke may be lost. */
  readonly onReconnected: () => void;
  /**
   * Whether a job whose lock has run out may be taken from its worker: not soon after an outage, which kept everybody from
   * renewing.
   */
  readonly mayRescueStalled: () => boolean;
  /** See `WorkerRegistry.claim`. */
  readonly claim: (job: HeldJob) => Promise<ClaimOutcome>;
}

/** How many jobs are fetched or run at once: see `Permits`. `owner` is the worker that asks, `token` the lock token of its fetch. */
export interface FetchPermits {
  holds(token: string): boolean;
  take(token: string, owner: object): boolean;
  freed(owner: object): Promise<void>;
  isContended(owner: object): boolean;
  release(token: string): void;
  withdraw(owner: object): void;
}

/** BullMQ keeps these parts of a worker to itself. */
export interface WorkerInside {
  /** Names a new worker, so that its lock tokens begin with this. */
  setId(worker: Worker<unknown, unknown>, id: string): void;
  /** Has it ask for a job at once instead of blocking until one is announced. */
  askAgain(worker: Worker<unknown, unknown>): void;
  /** Has BullMQ renew the lock of a job whose run is over. */
  keepLock(worker: Worker<unknown, unknown>, job: HeldJob): void;
  /** Ends BullMQ's wait for its next look at stalled jobs, which holds the process; that of a worker that closes ends with it. */
  endStalledWait(worker: Worker<unknown, unknown>): void;
}

/** The connection of a worker, as far as it does anything but what BullMQ asks of it. */
export interface WorkerConnectionControl {
  /** Sends what it has collected in this turn of the event loop. */
  flush(): void;
}

/** BullMQ's worker, whose fetches can be seen and held back. */
export interface JobWorker extends Worker<unknown, unknown> {
  /** When the last fetch was begun. Milliseconds since the epoch. */
  readonly lastFetchAt: number | null;
  /** Whether a fetch is due now or soon: it has room for another job, and waits for nobody but the store. */
  readonly canFetch: boolean;
  /** How long ago the fetch was begun which brought the job of this lock token. Milliseconds. */
  msSinceFetch(token: string): number;
  /** How many jobs it has not done with. */
  readonly heldCount: number;
  /** When this worker fetched the job whose next run is made, by the clock of the store; milliseconds since the epoch. */
  fetchTimeOf(id: string): number;
  /** The jobs that it has not done with: fetched, running, or being handed in. Their locks are to live on. */
  held(): HeldJob[];
  /** The job is another worker's by now: its result is not handed in any more. */
  lost(job: HeldJob): void;
  /** Puts a job that has not ended back to waiting. @param delayMs for so long nobody takes it; default 0 */
  handBack(job: Job, token: string, delayMs?: number): Promise<void>;
  /** Hands in again, now, what was not taken. */
  handInAgain(): void;
  /** Hands in nothing any more: this worker ends, and the time for that is over. */
  letGo(): void;
}
