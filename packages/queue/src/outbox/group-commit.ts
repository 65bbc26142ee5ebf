import { OutboxFullError } from '../errors.ts';
import type { DiskRoom } from './disk-room.ts';
import type { NewOutboxEntry } from './entry.ts';
import { outboxError } from './outbox-errors.ts';
import { OutboxFile } from './outbox-file.ts';

export interface GroupCommitOptions {
  readonly file: OutboxFile;
  readonly room: DiskRoom;
  readonly maxBytes: number;
  readonly maxJobs: number;
}

interface Pending {
  readonly entry: NewOutboxEntry;
  readonly bytes: number;
  readonly resolve: (isNew: boolean) => void;
  readonly reject: (error: Error) => void;
}

/** What one commit takes at most; the rest goes into the next, right after it. */
export const maxCommitEntries = 512;
const maxCommitBytes = 4 * 1024 * 1024;

/**
 * Stores entries, many in one commit. A commit waits for the disk, so all entries that come in while the event loop
 * reads its sockets share the one that follows. None waits longer than until the end of that turn: on a slow disk the
 * requests gather in the sockets meanwhile, and the next commit takes them all.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  #pending: Pending[] = [];
  #pendingBytes = 0;
  #scheduled = false;
  /** For those who look at what sharing saves. */
  commits = 0;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  /**
   * Resolves once the entry is on disk: `true`, or `false` when one of its queue and id is there, which stays.
   *
   * @throws OutboxFullError, OutboxError
   */
  async add(entry: NewOutboxEntry): Promise<boolean> {
    const bytes = OutboxFile.bytesOf(entry.body);
    const refusal = this.#refusal(bytes);
    if (refusal !== undefined) throw refusal;
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    this.#pending.push({ entry, bytes, resolve, reject });
    this.#pendingBytes += bytes;
    this.#schedule();
    return promise;
  }

  /** Why not even the smallest job can be taken now, if so. */
  get refusal(): Error | undefined {
    return this.#refusal(OutboxFile.bytesOf(''));
  }

  /** Commits what is waiting. */
  flush(): void {
    while (this.#pending.length > 0) this.#commitSome();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#commitSome();
      if (this.#pending.length > 0) this.#schedule();
    });
  }

  #commitSome(): void {
    const group = this.#takeSome();
    if (group.length === 0) return;
    const { file, room } = this.#options;
    try {
      const isNew = file.insert(group.map(({ entry }) => entry));
      this.commits += 1;
      room.wrote(group.reduce((sum, { bytes }) => sum + bytes, 0));
      for (const [index, { resolve }] of group.entries()) resolve(isNew[index] ?? false);
    } catch (error) {
      // All or none: one that is too much for the disk must not be told to the others as stored.
      for (const { reject } of group) reject(error as Error);
    }
  }

  #takeSome(): Pending[] {
    let bytes = 0;
    let count = 0;
    for (const pending of this.#pending) {
      if (count > 0 && (count === maxCommitEntries || bytes + pending.bytes > maxCommitBytes)) break;
      bytes += pending.bytes;
      count += 1;
    }
    this.#pendingBytes -= bytes;
    return this.#pending.splice(0, count);
  }

  #refusal(bytes: number): Error | undefined {
    const { file, room, maxBytes, maxJobs } = this.#options;
    const { totals } = file;
    if (totals.waiting + totals.setAside + this.#pending.length >= maxJobs) {
      return new OutboxFullError(`The outbox holds ${maxJobs} jobs, which is as many as it may.`);
    }
    if (totals.bytes + this.#pendingBytes + bytes > maxBytes) {
      return new OutboxFullError(`The outbox has the ${maxBytes} bytes that it may have.`);
    }
    try {
      if (room.left() - this.#pendingBytes - bytes <= 0) {
        return new OutboxFullError('The disk of the outbox has too little room left.');
      }
    } catch (error) {
      return outboxError(error, file.path);
    }
    return undefined;
  }
}
