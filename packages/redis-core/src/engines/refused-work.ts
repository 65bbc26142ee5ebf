import { type ConnectionFault, explainFault } from '../connection-fault.ts';
import type { RedisTarget } from '../connection.ts';
import type { Refusals } from '../engine.ts';
import { errorReplies, wordOf } from '../error-replies.ts';
import { isReplyError } from '../reply-error.ts';

export interface RefusedWorkOptions {
  readonly target: RedisTarget;
  /**
   * Whether writes are taken again: `undefined` where that cannot be told.
   * @throws the error reply that a write would get now, or what ended the connection
   */
  readonly askWrites: () => Promise<true | undefined>;
  /** Called as long as Redis is a replica, after it was asked: looks whether the address leads to another by now. */
  readonly findPrimary?: () => Promise<void>;
  /** Called when it is something else than before, or nothing any more. */
  readonly onChange: (refuses: Refusals) => void;
}

/** While writes are refused Redis is asked so often. */
const ASK_EVERY_MS = 500;
/** What cannot be asked for is forgotten when it was not seen again for so long… */
const UNSEEN_MS = 10_000;
/** …and so are rules of access, which forbid one command or another: nobody can say for a command that it is allowed again. */
const RULES_UNSEEN_MS = 30_000;

/**
 * What a Redis that is there refuses, as its replies have shown, until they show that it does not any more. Whoever refuses
 * writes is asked about them, so that this is known even where nobody writes meanwhile.
 */
export class RefusedWork {
  readonly #options: RefusedWorkOptions;
  #reads: ConnectionFault | undefined;
  #writes: ConnectionFault | undefined;
  #readsSeenAt = 0;
  #writesSeenAt = 0;
  /** Whether the proof of all work was forbidden, since that is known: then it also shows when it is allowed again. */
  #isProofForbidden = false;
  #timer: NodeJS.Timeout | undefined;
  #isAsking = false;
  #isOver = false;

  constructor(options: RefusedWorkOptions) {
    this.#options = options;
  }

  /** `undefined`: nothing. */
  get refusals(): Refusals | undefined {
    if (this.#reads === undefined && this.#writes === undefined) return undefined;
    return {
      ...(this.#reads === undefined ? {} : { reads: this.#reads }),
      ...(this.#writes === undefined ? {} : { writes: this.#writes }),
    };
  }

  /** A call, or a question, got this error reply. `isProof`: that of all work (`proveWork`). */
  noted(work: 'reads' | 'writes' | 'everything', reply: string, isProof = false): void {
    if (this.#isOver) return;
    const fault = explainFault(new Error(reply), this.#options.target, true);
    if (isProof && fault.kind === 'forbidden') this.#isProofForbidden = true;
    const before = this.refusals;
    const now = performance.now();
    if (work !== 'writes') {
      this.#reads = fault;
      this.#readsSeenAt = now;
    }
    if (work !== 'reads') {
      this.#writes = fault;
      this.#writesSeenAt = now;
    }
    if (before?.reads?.kind !== this.#reads?.kind || before?.writes?.kind !== this.#writes?.kind) this.#tell();
    if (this.#timer === undefined && !this.#isAsking) void this.#ask();
  }

  /** All work was done once. What forbids one command only is not known to be over by that. */
  proven(): void {
    if (!this.#isProofForbidden) return;
    this.#isProofForbidden = false;
    if (this.#reads?.kind === 'forbidden') this.#reads = undefined;
    if (this.#writes?.kind === 'forbidden') this.#writes = undefined;
    this.#tell();
  }

  /** The connection is gone: what the next one refuses is to be seen. */
  forget(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isProofForbidden = false;
    if (this.refusals === undefined) return;
    this.#reads = undefined;
    this.#writes = undefined;
    this.#tell();
  }

  /** Never asks and never calls anybody again. */
  stop(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  async #ask(): Promise<void> {
    this.#isAsking = true;
    this.#timer = undefined;
    try {
      if (this.#writes !== undefined && this.#writes.kind !== 'forbidden') await this.#askWrites();
      if (this.#writes?.kind === 'read-only') await this.#options.findPrimary?.();
    } catch {
      // The connection ended, or no other could be made; it is asked again as long as anything is known to be refused.
    }
    this.#isAsking = false;
    if (this.#isOver) return;
    this.#forgetUnseen();
    if (this.refusals !== undefined) this.#timer = setTimeout(() => void this.#ask(), ASK_EVERY_MS).unref();
  }

  async #askWrites(): Promise<void> {
    try {
      if ((await this.#options.askWrites()) !== true || this.#writes === undefined) return;
      this.#writes = undefined;
      // Who takes writes serves reads, unless rules forbid them.
      if (this.#reads?.kind !== 'forbidden') this.#reads = undefined;
      this.#tell();
    } catch (error) {
      if (!(error instanceof Error) || !isReplyError(error)) throw error;
      const word = wordOf(error.message);
      const isAll = word !== undefined && errorReplies[word].refuses === 'everything';
      if (this.#writes !== undefined) this.noted(isAll ? 'everything' : 'writes', error.message);
    }
  }

  #forgetUnseen(): void {
    const now = performance.now();
    const isStale = (fault: ConnectionFault | undefined, seenAt: number): boolean =>
      fault !== undefined && now - seenAt > (fault.kind === 'forbidden' ? RULES_UNSEEN_MS : UNSEEN_MS);
    const areReadsStale = isStale(this.#reads, this.#readsSeenAt);
    const areWritesStale = isStale(this.#writes, this.#writesSeenAt);
    if (areReadsStale) this.#reads = undefined;
    if (areWritesStale) this.#writes = undefined;
    if (areReadsStale || areWritesStale) this.#tell();
  }

  #tell(): void {
    if (!this.#isOver) this.#options.onChange(this.refusals ?? {});
  }
}
