/** Of all buffers of a process that fill while somebody does not read. */
const maxBytes = 64 * 1024 * 1024;

/** What somebody is to read. */
export interface Unread {
  readonly bytes: number;
  /** Nobody is to read it any more. */
  overflow(): void;
}

/** How much all who are told of jobs have not read yet. Beyond the bound the one that has most is given up: he reads least. */
export class BufferedBytes {
  readonly #filled = new Set<Unread>();
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(most: number = maxBytes) {
    this.#maxBytes = most;
  }

  changed(buffer: Unread, byBytes: number): void {
    this.#bytes += byBytes;
    if (buffer.bytes > 0) this.#filled.add(buffer);
    else this.#filled.delete(buffer);
    if (byBytes <= 0 || this.#bytes <= this.#maxBytes) return;
    let fullest = buffer;
    for (const other of this.#filled) if (other.bytes > fullest.bytes) fullest = other;
    fullest.overflow();
  }
}
