import { extname } from 'node:path';
import type { DiskFile } from './disk/disk-file.ts';
import type { DiskFolder } from './disk/disk-folder.ts';
import { Gathering } from './disk/gathering.ts';
import type { Invalidation, JournalEntry } from './invalidation-entry.ts';
import { journalError } from './journal-errors.ts';
import type { JournalFile } from './journal-file.ts';
import { anything, checkOptions, type OptionRules, wholeNumber } from './option-rules.ts';

export { JournalError } from './journal-errors.ts';
export type { Invalidation, JournalEntry } from './invalidation-entry.ts';

export interface JournalOptions {
  /** Where its file `journal.db` lies: see `openDiskFolder`. It is released when the folder is closed. */
  readonly folder: DiskFolder;
  /** More entries of one area than this become a single one for the whole area. Default 10 000. */
  readonly maxPerArea?: number;
  /** What the file may take. Default 64 MiB. */
  readonly maxBytes?: number;
}

const rules: OptionRules<JournalOptions> = {
  folder: anything,
  maxPerArea: wholeNumber(1),
  maxBytes: wholeNumber(1),
};

const maxWaitingBytes = 64 * 1024 * 1024;
/** Of its columns and its message. */
const overheadBytes = 64;

/**
 * Opens the journal of a folder, or makes it. Resolves also where the folder cannot be used for now, which its status says:
 * until it can be, nothing is noted.
 *
 * @throws OptionInvalidError naming the option that is not allowed
 */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  checkOptions('openJournal', options, rules);
  const { folder, maxPerArea = 10_000, maxBytes = 64 * 1024 * 1024 } = options;
  const file = await folder.open<JournalFile>({
    name: 'journal.db',
    module: new URL(`./journal-file${extname(import.meta.url)}`, import.meta.url),
    options: { maxPerArea, maxBytes },
  });
  return new Journal(file);
}

/**
 * Invalidations that could not reach Redis, kept on disk until they can: `append` resolves after they would survive the
 * death of the process (and, as far as the disk is honest, of the machine). It holds the newest of each thing only, and
 * so much that the order between different things does not matter: all are invalidations, and applying one twice, or
 * more than was asked for, costs a cache miss.
 *
 * To apply: `read`, invalidate in Redis, `remove` by id. What is appended anew meanwhile has another id and stays.
 */
export class Journal {
  readonly #file: DiskFile<JournalFile>;
  readonly #appends: Gathering<readonly Invalidation[], undefined>;

  constructor(file: DiskFile<JournalFile>) {
    this.#file = file;
    this.#appends = new Gathering({
      send: async (lists, since) => {
        await file.call('append', [lists.flat()], { since });
        return lists.map(() => undefined);
      },
      maxItems: 512,
      maxBytes: 4 * 1024 * 1024,
      maxWaitingBytes,
    });
  }

  /**
   * Notes invalidations, all or none, and resolves when they are on disk.
   * @throws JournalError when that cannot be, or is not known: they may have been noted, which costs a cache miss
   */
  async append(...list: readonly Invalidation[]): Promise<void> {
    if (list.length === 0) return;
    const bytes = list.reduce((sum, { area, value }) => sum + 2 * (area.length + value.length) + overheadBytes, 0);
    await this.#guard(async () => this.#appends.add(list, bytes));
  }

  /** How many entries wait to be applied, as far as is known without asking. */
  pending(): number {
    return this.#file.totals?.pending ?? 0;
  }

  /** Has it told each time that the file was opened again: it may hold what was not known. */
  onOpen(listener: () => void): () => void {
    return this.#file.onOpen(listener);
  }

  /** The oldest entries, at most `limit`; with `after` those that follow that id. @throws JournalError */
  async read(limit: number, after = 0): Promise<JournalEntry[]> {
    return this.#guard(async () => this.#file.call('read', [limit, after]));
  }

  /** Forgets entries that were applied. @throws JournalError */
  async remove(ids: readonly number[]): Promise<void> {
    if (ids.length > 0) await this.#guard(async () => this.#file.call('remove', [ids]));
  }

  async #guard<Reply>(work: () => Promise<Reply>): Promise<Reply> {
    try {
      return await work();
    } catch (error) {
      throw journalError(error, this.#file.path);
    }
  }
}
