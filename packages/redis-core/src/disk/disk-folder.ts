import { publishEvent } from '../channels.ts';
import { DiskFile, type DiskFileOptions, type DiskFilePlace } from './disk-file.ts';
import { DiskUnusableError } from './disk-errors.ts';
import { DiskProcess, type DiskLoss } from './disk-process.ts';
import { worstOf, wellStatus, type DiskStatus } from './disk-status.ts';
import { checkOptions, milliseconds, text, type OptionRules } from '../option-rules.ts';
import type { ServedFile } from './served-file.ts';

export interface DiskFolderOptions {
  /** A folder of this process alone, on a volume that outlives it. Made where it is missing. */
  readonly directory: string;
  /** How long a call may take. Default 2000. */
  readonly deadlineMs?: number;
}

/** How often a folder that is well is looked at. */
const restMs = 30_000;
const firstPauseMs = 100;
const maxPauseMs = 10_000;

const rules: OptionRules<DiskFolderOptions> = { directory: text, deadlineMs: milliseconds(1) };

/**
 * Opens a folder of durable files. Nothing is started before its first file is opened.
 * @throws OptionInvalidError naming the option that is not allowed
 */
export function openDiskFolder(options: DiskFolderOptions): DiskFolder {
  checkOptions('openDiskFolder', options, rules);
  return new DiskFolder(options);
}

/**
 * A folder of durable files that a child process keeps open for this one: a disk that is slow, full, damaged or does not
 * answer at all then holds up nobody but those who wait for it, and those no longer than the deadline. The process that is
 * late is ended, and once it is gone another takes its place: the folder is used again when it is well.
 */
export class DiskFolder {
  readonly directory: string;
  readonly deadlineMs: number;
  readonly #files = new Map<string, DiskFile>();
  readonly #listeners = new Set<(status: DiskStatus) => void>();
  #process: DiskProcess | undefined;
  /** One was lost, and is not gone. */
  #isStuck = false;
  /** Why there is no process, or not yet a file that can be used since. */
  #loss: DiskStatus = wellStatus;
  #told: DiskStatus = wellStatus;
  #pauseMs = firstPauseMs;
  /** When it was last not well, as `performance.now()`. */
  #failedAt = -Infinity;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #isClosed = false;

  constructor({ directory, deadlineMs = 2000 }: DiskFolderOptions) {
    this.directory = directory;
    this.deadlineMs = deadlineMs;
  }

  /** Of the child process, while there is one: for whoever measures it. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Of all its files together; asks nobody. */
  get status(): DiskStatus {
    return worstOf([this.#loss, ...Array.from(this.#files.values(), ({ status }) => status)]);
  }

  /** Whether it has any files. */
  get isUsed(): boolean {
    return this.#files.size > 0;
  }

  /** Whether it has all its files open, so that what they say of themselves is so. */
  get isOpen(): boolean {
    return Array.from(this.#files.values()).every((file) => file.fault === undefined);
  }

  /** Whether this process has had all files of the folder open, so that what lies in them is its own. */
  get wasOpen(): boolean {
    return Array.from(this.#files.values()).every((file) => file.wasOpen);
  }

  /** Has it told each time that the status is another. */
  onChange(listener: (status: DiskStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Has a file served from now on. Resolves when it is open, or when it is known that it cannot be used for now, which the
   * status says: it is tried again until it can.
   */
  async open<File extends ServedFile>(options: DiskFileOptions<unknown>): Promise<DiskFile<File>> {
    const place: DiskFilePlace = {
      directory: this.directory,
      send: async (task, since) => {
        if (this.#process === undefined) throw new DiskUnusableError(this.#loss.reason ?? 'The folder is closed.');
        return this.#process.send(task, since);
      },
      onStatus: () => {
        this.#tell();
        this.#plan();
      },
    };
    const file = new DiskFile<File>(options, place);
    this.#files.set(options.name, file);
    // One that goes on may have looked past this file already.
    await this.#looking;
    await this.#look();
    return file;
  }

  /** Releases the files; what is in them stays. Waits no longer than a call may take. May be called twice. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (const file of this.#files.values()) file.lost('The folder is closed.');
    const process = this.#process;
    this.#process = undefined;
    await process?.close();
  }

  /** Finds out how it is with each file, in their order. */
  async #look(): Promise<void> {
    this.#looking ??= this.#lookOnce().finally(() => {
      this.#looking = undefined;
    });
    await this.#looking;
  }

  async #lookOnce(): Promise<void> {
    clearTimeout(this.#timer);
    // As long as one is stuck, another would be too: it holds the files, and the disk is the same.
    if (this.#isStuck || this.#isClosed) return;
    const process = (this.#process ??= this.#start());
    const isReady = await process.ready.then(
      () => true,
      () => false,
    );
    if (isReady) await Promise.all(Array.from(this.#files.values(), async (file) => file.look()));
    if (this.#isClosed) return;
    if (this.#process === process) {
      this.#loss = wellStatus;
      this.#tell();
      // A process that was lost has had its next look planned.
      this.#plan();
    }
  }

  #plan(): void {
    let pauseMs = restMs;
    if (this.status.state !== 'well') {
      // One that is well for a moment only is looked at ever more seldom as well: each look may start a process, each change is told.
      const wasWell = performance.now() - this.#failedAt > restMs;
      this.#pauseMs = wasWell ? firstPauseMs : Math.min(maxPauseMs, this.#pauseMs * 2);
      this.#failedAt = performance.now();
      pauseMs = this.#pauseMs;
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), pauseMs * (0.75 + Math.random() / 2));
    this.#timer.unref();
  }

  #start(): DiskProcess {
    const process: DiskProcess = new DiskProcess({
      deadlineMs: this.deadlineMs,
      onLost: (loss) => void this.#replace(process, loss),
    });
    return process;
  }

  async #replace(process: DiskProcess, { reason, lateCalls }: DiskLoss): Promise<void> {
    if (this.#process !== process) return;
    this.#process = undefined;
    this.#loss = { state: lateCalls > 0 ? 'hung' : 'unusable', reason };
    for (const file of this.#files.values()) file.lost(reason);
    if (lateCalls > 0) publishEvent('holdfast:disk:late', () => ({ directory: this.directory, calls: lateCalls }));
    this.#tell();
    this.#isStuck = true;
    await process.gone;
    this.#isStuck = false;
    if (!this.#isClosed) this.#plan();
  }

  #tell(): void {
    const { status } = this;
    if (status.state === this.#told.state && status.reason === this.#told.reason) return;
    this.#told = status;
    publishEvent('holdfast:disk:status', () => ({ directory: this.directory, ...status }));
    for (const listener of this.#listeners) listener(status);
  }
}
