import { statfsSync } from 'node:fs';

/** What the file system said is believed for so long, less what was written since. */
const believedMs = 200;

/** Bytes that whoever owns this process may still write into a folder. */
export type FreeBytes = (directory: string) => number;

const freeBytesOf: FreeBytes = (directory) => {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
};

/** Knows how much may be written before a disk is as full as it may become. */
export class DiskRoom {
  readonly #directory: string;
  readonly #minFreeBytes: number;
  readonly #freeBytes: FreeBytes;
  #room = 0;
  #askedAt = -Infinity;

  /** @param minFreeBytes what must stay free: for others, and to note what was forwarded. */
  constructor(directory: string, minFreeBytes: number, freeBytes: FreeBytes = freeBytesOf) {
    this.#directory = directory;
    this.#minFreeBytes = minFreeBytes;
    this.#freeBytes = freeBytes;
  }

  /** How many bytes may be written now; 0 or less: none. @throws what the file system says when it cannot be asked */
  left(): number {
    const now = performance.now();
    if (now - this.#askedAt >= believedMs) {
      this.#room = this.#freeBytes(this.#directory) - this.#minFreeBytes;
      this.#askedAt = now;
    }
    return this.#room;
  }

  wrote(bytes: number): void {
    this.#room -= bytes;
  }
}
