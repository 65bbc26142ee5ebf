import type { CacheCore } from './cache-core.ts';
import type { Entry } from './entry.ts';
import { isShareable } from './freeze.ts';
import type { KeptEntry } from './kept-entries.ts';
import type { Opened } from './sealing.ts';

/** Makes values of the entries of one namespace. */
export class Values {
  readonly #core: CacheCore;

  constructor(core: CacheCore) {
    this.#core = core;
  }

  /**
   * The value of an entry; plain data is parsed once for as long as L1 holds the entry, and then shared. `undefined`: it is
   * none.
   */
  of(complete: string, entry: Entry): Opened | undefined {
    const kept = this.#core.l1.get(complete);
    return kept?.entry === entry ? this.ofKept(complete, kept) : this.#core.sealing.open(entry);
  }

  /** The same for those who have a loader: that there is nothing is a value for them, too. */
  orNothing(complete: string, entry: Entry): Opened | undefined {
    return entry.negative ? { value: undefined } : this.of(complete, entry);
  }

  /** The same of an entry that is known to be kept. */
  ofKept(complete: string, { entry, value: known }: KeptEntry): Opened | undefined {
    if (known !== undefined) return { value: known };
    const { l1, sealing } = this.#core;
    const opened = sealing.open(entry);
    if (opened !== undefined && (entry.hasPlainBody || isShareable(opened.value))) {
      l1.setValue(complete, entry, opened.value);
    }
    return opened;
  }
}
