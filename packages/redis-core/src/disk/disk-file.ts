import { join } from 'node:path';
import { DiskUnusableError } from './disk-errors.ts';
import { sqliteCode } from '../durable-file.ts';
import type { DiskReply, DiskTask } from './messages.ts';
import type { ServedFile } from './served-file.ts';
import { statusOfError, wellStatus, type DiskStatus } from './disk-status.ts';

export interface DiskFileOptions<Options> {
  /** Of the file in its folder. */
  readonly name: string;
  /** Which serves it: see `ServedFileModule`. */
  readonly module: URL;
  readonly options: Options;
}

export interface CallOptions {
  /** When the time began that the call may take, as `performance.now()`. Default: now. */
  readonly since?: number;
}

/** Of a file in its folder. */
export interface DiskFilePlace {
  readonly directory: string;
  /** @throws DiskUnusableError, DiskOutcomeUnknownError */
  readonly send: (task: DiskTask, since?: number) => Promise<DiskReply>;
  /** Told each time that a call has failed for the sake of the disk. */
  readonly onStatus: () => void;
}

/** A file that the process of the disk serves. Made by `DiskFolder.open`. */
export class DiskFile<File extends ServedFile = ServedFile> {
  readonly name: string;
  readonly path: string;
  readonly #load: DiskTask;
  readonly #open: DiskTask;
  readonly #send: DiskFilePlace['send'];
  readonly #onStatus: () => void;
  readonly #openListeners = new Set<() => void>();
  #isOpen = false;
  #wasOpen = false;
  #totals: unknown;
  #status: DiskStatus = wellStatus;
  #unusable = new DiskUnusableError('It is being opened.');

  constructor({ name, module, options }: DiskFileOptions<unknown>, { directory, send, onStatus }: DiskFilePlace) {
    this.name = name;
    this.path = join(directory, name);
    this.#onStatus = onStatus;
    this.#load = { kind: 'load', module: module.href };
    this.#open = { kind: 'open', file: name, module: module.href, args: [directory, options] };
    this.#send = send;
  }

  /** Why it cannot be used now; `undefined`: calls are sent to the disk. */
  get fault(): DiskUnusableError | undefined {
    return this.#isOpen ? undefined : this.#unusable;
  }

  /** Whether calls were ever sent to the disk: no other process had the file then. */
  get wasOpen(): boolean {
    return this.#wasOpen;
  }

  get status(): DiskStatus {
    return this.#status;
  }

  /** What the last reply told; `undefined` before the file was open for the first time. */
  get totals(): ReturnType<File['totals']> | undefined {
    return this.#totals as ReturnType<File['totals']> | undefined;
  }

  /** Has it told each time that the file was opened: what is in it may be other than what was known. */
  onOpen(listener: () => void): () => void {
    this.#openListeners.add(listener);
    return () => this.#openListeners.delete(listener);
  }

  /**
   * @throws DiskUnusableError it was not sent: the file cannot be used now
   * @throws DiskOutcomeUnknownError it was sent, and may or may not have been done
   * @throws what SQLite says, with its result code as `errcode`
   */
  async call<Name extends keyof File['calls'] & string>(
    name: Name,
    args: Parameters<File['calls'][Name]>,
    { since }: CallOptions = {},
  ): Promise<ReturnType<File['calls'][Name]>> {
    const { fault } = this;
    if (fault !== undefined) throw new DiskUnusableError(fault.message, fault.errcode);
    return (await this.#ask({ kind: 'call', file: this.name, name, args }, since)) as ReturnType<File['calls'][Name]>;
  }

  /** For the folder: opens the file, where it is not open, and finds out whether it can be written. Never rejects. */
  async look(): Promise<void> {
    try {
      if (!this.#isOpen) {
        await this.#ask(this.#load);
        await this.#ask(this.#open);
        this.#isOpen = true;
        this.#wasOpen = true;
        for (const listener of this.#openListeners) listener();
      }
      await this.#ask({ kind: 'prove', file: this.name });
      this.#status = wellStatus;
    } catch (error) {
      // Of a process that was lost the folder knows more.
      if (this.#isOpen) return;
      const reason = error instanceof Error ? error.message : String(error);
      this.#unusable = new DiskUnusableError(reason, sqliteCode(error));
    }
  }

  /** For the folder: its process is lost. */
  lost(reason: string, errcode?: number): void {
    this.#isOpen = false;
    this.#unusable = new DiskUnusableError(reason, errcode);
  }

  async #ask(task: DiskTask, since?: number): Promise<unknown> {
    const reply = await this.#send(task, since);
    if (reply.totals !== undefined) this.#totals = reply.totals;
    if (!('error' in reply)) return reply.value;
    const { message, errcode } = reply.error;
    const error = Object.assign(new Error(message), errcode !== undefined && { errcode });
    const status = statusOfError(error, this.name);
    if (status !== undefined) this.#status = status;
    else if (!this.#isOpen) this.#status = { state: 'unusable', reason: `${this.name}: ${message}` };
    // It is put aside, and has to be begun anew.
    if (status?.state === 'damaged') this.lost(status.reason ?? message, errcode);
    if (status !== undefined && task.kind === 'call') this.#onStatus();
    throw error;
  }
}
