import { fork, type ChildProcess } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DiskOutcomeUnknownError, DiskUnusableError } from './disk-errors.ts';
import { readyId, type DiskReply, type DiskTask } from './messages.ts';

export interface DiskProcessOptions {
  /** How long each call may take. */
  readonly deadlineMs: number;
  /** Told once that it answers no more: it was late, or has ended. What had been asked has been answered by then. */
  readonly onLost: (loss: DiskLoss) => void;
}

export interface DiskLoss {
  readonly reason: string;
  /** The calls that were not answered in time; 0: it ended by itself. */
  readonly lateCalls: number;
}

interface Sent {
  /** As `performance.now()`. */
  readonly deadline: number;
  readonly resolve: (reply: DiskReply) => void;
  readonly reject: (error: Error) => void;
}

/** Of Node itself, and of each module that it loads, before the disk is asked for anything. */
const startMs = 10_000;
/** An answer that came while this process had no time to look at it still counts: it is read within this. */
const readingMs = 50;
/** What it holds is a few batches of at most 4 MiB. */
const maxHeapMiB = 128;

/**
 * One child process that keeps files open. It may get stuck in the kernel where the disk hangs, as a thread may: then it is
 * left behind, and it alone, since nothing here waits for it.
 */
export class DiskProcess {
  readonly #options: DiskProcessOptions;
  readonly #child: ChildProcess;
  /** Which it has not answered, the oldest first: it answers in order. */
  readonly #sent = new Map<number, Sent>();
  #nextId = readyId + 1;
  #timer: NodeJS.Timeout | undefined;
  #isLost = false;
  readonly #ready = Promise.withResolvers<void>();
  readonly #gone = Promise.withResolvers<void>();

  constructor(options: DiskProcessOptions) {
    this.#options = options;
    this.#ready.promise.catch(() => undefined);
    const extension = extname(import.meta.url);
    this.#child = fork(fileURLToPath(new URL(`./main${extension}`, import.meta.url)), {
      serialization: 'advanced',
      // Not even its output: a reader of ours would wait for the end of one that is stuck.
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      execArgv: [
        `--max-old-space-size=${maxHeapMiB}`,
        ...(extension === '.ts' ? ['--conditions=@holdfast/source'] : []),
      ],
      // It needs none, and a service has secrets in its own.
      env: {},
    });
    const start = setTimeout(() => this.#lose(`Its process did not start within ${startMs} ms.`), startMs);
    void this.#ready.promise.then(
      () => clearTimeout(start),
      () => clearTimeout(start),
    );
    this.#child.on('message', (reply: DiskReply) => this.#answered(reply));
    this.#child.on('error', (error) => {
      this.#lose(`Its process failed: ${error.message}.`);
      if (this.#child.pid === undefined) this.#gone.resolve();
    });
    this.#child.on('exit', (code, signal) => {
      this.#lose(`Its process ended with ${signal ?? `code ${code}`}.`);
      this.#gone.resolve();
    });
    // It keeps nobody alive; a call that waits for it does, for as long as the call may take.
    this.#child.unref();
    this.#child.channel?.unref();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Resolves when it waits for calls. @throws DiskUnusableError */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Resolves when the process is gone: its files are free then. With a disk that hangs that may be never. */
  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  /**
   * @param since when the time began that it may take, as `performance.now()`: not before that of an earlier call
   * @throws DiskOutcomeUnknownError when it does not answer in time
   * @throws DiskUnusableError when it was lost before
   */
  async send(task: DiskTask, since: number = performance.now()): Promise<DiskReply> {
    if (this.#isLost) throw new DiskUnusableError('The process of the disk has ended.');
    const id = this.#nextId;
    this.#nextId += 1;
    const { promise, resolve, reject } = Promise.withResolvers<DiskReply>();
    const limitMs = task.kind === 'load' ? startMs : this.#options.deadlineMs;
    this.#sent.set(id, { deadline: since + limitMs, resolve, reject });
    this.#watch();
    // A channel that is broken is told by the end of the process.
    this.#child.send({ id, ...task }, () => undefined);
    return promise;
  }

  /** Has it release its files, and waits for its end, as long as a call may take. Never rejects. */
  async close(): Promise<void> {
    if (this.#isLost) return;
    const closed = this.send({ kind: 'close' }).then(
      async () => {
        this.#isLost = true;
        this.#child.disconnect();
        return this.gone;
      },
      () => undefined,
    );
    const late = setTimeout(() => this.#gone.resolve(), this.#options.deadlineMs);
    await Promise.race([closed, this.gone]);
    clearTimeout(late);
    this.#child.kill('SIGKILL');
  }

  #answered(reply: DiskReply): void {
    if (reply.id === readyId) this.#ready.resolve();
    const sent = this.#sent.get(reply.id);
    if (sent === undefined) return;
    this.#sent.delete(reply.id);
    if (this.#sent.size === 0) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
    sent.resolve(reply);
  }

  /** One timer, for the call that waits longest. */
  #watch(): void {
    if (this.#timer !== undefined || this.#leftMs === undefined) return;
    this.#timer = setTimeout(() => {
      if (this.#isOverdue) this.#timer = setTimeout(() => this.#judge(), readingMs);
      else this.#watchAnew();
    }, this.#leftMs);
  }

  #watchAnew(): void {
    this.#timer = undefined;
    this.#watch();
  }

  #judge(): void {
    if (this.#isOverdue) this.#lose(`It did not answer within ${this.#options.deadlineMs} ms.`, this.#sent.size);
    else this.#watchAnew();
  }

  get #leftMs(): number | undefined {
    const oldest = this.#sent.values().next();
    if (oldest.done === true) return undefined;
    return Math.max(0, oldest.value.deadline - performance.now());
  }

  get #isOverdue(): boolean {
    return this.#leftMs === 0;
  }

  #lose(reason: string, lateCalls = 0): void {
    if (this.#isLost) return;
    this.#isLost = true;
    clearTimeout(this.#timer);
    this.#ready.reject(new DiskUnusableError(reason));
    const unknown = new DiskOutcomeUnknownError(reason);
    for (const { reject } of this.#sent.values()) reject(unknown);
    this.#sent.clear();
    this.#child.kill('SIGKILL');
    this.#options.onLost({ reason, lateCalls });
  }
}
