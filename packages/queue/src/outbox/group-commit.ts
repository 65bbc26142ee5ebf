import { Gathering } from '@holdfast/redis-core/disk';
import { OutboxFullError } from '../job/errors.ts';
import { bytesOf, type InsertOutcome, type NewOutboxEntry } from './entry.ts';
import type { OutboxFile } from './outbox-file.ts';
import { outboxError } from './outbox-errors.ts';

export interface GroupCommitOptions {
  readonly file: OutboxFile;
  readonly maxBytes: number;
  readonly maxJobs: number;
}

/** What one commit takes at most; the rest goes into the next. */
export const maxCommitEntries = 512;
const maxCommitBytes = 4 * 1024 * 1024;
/** Of jobs whose callers wait for the disk: at 2 s a commit, more than a disk that is worth to wait for leaves behind. */
const maxWaitingBytes = 64 * 1024 * 1024;

/** Stores entries, many in one commit, within what the outbox may hold. */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #gathering: Gathering<NewOutboxEntry, InsertOutcome>;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
    const { file } = options;
    this.#gathering = new Gathering({
      send: async (entries, since) => file.insert(entries, since),
      maxItems: maxCommitEntries,
      maxBytes: maxCommitBytes,
      maxWaitingBytes,
    });
  }

  /** For those who look at what sharing saves. */
  get commits(): number {
    return this.#gathering.calls;
  }

  /**
   * Resolves once the entry is on disk: `true`, or `false` when one of its queue and id is there, which stays.
   *
   * @throws OutboxFullError, OutboxError (nothing was stored); OutboxUnknownError (it may have been)
   */
  async add(entry: NewOutboxEntry): Promise<boolean> {
    const { file } = this.#options;
    const bytes = bytesOf(entry.body);
    const refusal = this.#refusal(bytes);
    if (refusal !== undefined) throw refusal;
    const outcome = await this.#gathering.add(entry, bytes).catch((error: unknown) => {
      throw outboxError(error, file.path);
    });
    if (outcome === 'no-room') throw noRoom();
    return outcome === 'stored';
  }

  /** Why not even the smallest job can be taken now, if so. */
  get refusal(): Error | undefined {
    return this.#refusal(bytesOf('')) ?? (this.#options.file.totals.room <= 0 ? noRoom() : undefined);
  }

  /** Resolves when nobody waits for a commit: within the deadline of the disk, where nothing more is added. */
  async idle(): Promise<void> {
    await this.#gathering.idle();
  }

  #refusal(bytes: number): Error | undefined {
    const { file, maxBytes, maxJobs } = this.#options;
    const { waiting, setAside, bytes: held } = file.totals;
    if (file.fault !== undefined) return file.fault;
    if (waiting + setAside + this.#gathering.count >= maxJobs) {
      return new OutboxFullError(`The outbox holds ${maxJobs} jobs, which is as many as it may.`);
    }
    if (held + this.#gathering.bytes + bytes > maxBytes) {
      return new OutboxFullError(`The outbox has the ${maxBytes} bytes that it may have.`);
    }
    return undefined;
  }
}

function noRoom(): OutboxFullError {
  return new OutboxFullError('The disk of the outbox has too little room left.');
}
