import type { DiskProbe } from './disk-probe.ts';

/** A thread that has not answered for so long is asked after. */
const silentMs = 3000;
/** How long its disk may take then. */
const probeMs = 1000;
/** So long a statement may take on a disk that is well, for all that is known: an old log is being replayed, or tables are tidied. */
const deafMs = 30_000;

interface AnswerWatchOptions {
  readonly disk: DiskProbe;
  readonly folder: string;
  /** Told why nothing is to be expected of the thread, once. */
  readonly onStuck: (reason: string) => void;
  /** The thread answers again. */
  readonly onAnswer: () => void;
}

/**
 * Notices that the thread of the database hangs in a call to the disk, which no error and no event tells: it owes an answer, has given
 * none for seconds, and the disk of its folder does not answer anybody else either.
 */
export class AnswerWatch {
  readonly #options: AnswerWatchOptions;
  /** Since when it owes an answer and has given none, by the clock of `performance`. */
  #silentSince: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #reason: string | undefined;
  #closed = false;

  constructor(options: AnswerWatchOptions) {
    this.#options = options;
  }

  /** Why it is not to be asked now. */
  get reason(): string | undefined {
    return this.#reason;
  }

  asked(): void {
    this.#silentSince ??= performance.now();
    this.#timer ??= this.#arm(silentMs);
  }

  /** @param owes whether it owes other answers */
  answered(owes: boolean): void {
    this.#silentSince = owes ? performance.now() : undefined;
    if (this.#reason === undefined) return;
    this.#reason = undefined;
    this.#options.onAnswer();
  }

  /** Another thread begins, which owes nothing. */
  restart(): void {
    this.#silentSince = undefined;
    this.#reason = undefined;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #arm(milliseconds: number): NodeJS.Timeout {
    return setTimeout(() => void this.#look(), milliseconds).unref();
  }

  async #look(): Promise<void> {
    const since = this.#silentSince;
    const silence = since === undefined ? 0 : performance.now() - since;
    if (silence >= silentMs) await this.#askDisk(since);
    if (this.#closed) return;
    const isSilent = this.#silentSince !== undefined;
    this.#timer = isSilent ? this.#arm(Math.max(250, silentMs - silence)) : undefined;
  }

  async #askDisk(since: number | undefined): Promise<void> {
    const { disk, folder, onStuck } = this.#options;
    // An error is an answer: the database has got it as well.
    const answers = await disk.answers(probeMs).catch(() => true);
    // The loop has turned since: answers that lay about while this process was busy have been read.
    if (this.#closed || this.#reason !== undefined || since === undefined || this.#silentSince !== since) return;
    const seconds = Math.round((performance.now() - since) / 1000);
    if (answers && performance.now() - since < deafMs) return;
    this.#reason = answers
      ? `the database has not answered for ${seconds} s`
      : `the disk of ${folder} has not answered for ${seconds} s`;
    onStuck(this.#reason);
  }
}
