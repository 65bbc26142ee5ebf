import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Asks whether the disk of a folder does its work, by an empty file in it. A write that hangs keeps one thread of Node's pool until
 * the disk is back, so there is never more than one.
 */
export class DiskProbe {
  readonly #file: string;
  #asking: Promise<void> | undefined;

  constructor(directory: string) {
    this.#file = join(directory, 'disk-probe');
  }

  /** Whether the disk has answered within `deadlineMs`. @throws what it answered, if that is an error */
  async answers(deadlineMs: number): Promise<boolean> {
    this.#asking ??= writeFile(this.#file, '').finally(() => {
      this.#asking = undefined;
    });
    const asking = this.#asking.then(() => true);
    const { promise: expired, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(resolve, deadlineMs, false);
    try {
      return await Promise.race([asking, expired]);
    } finally {
      clearTimeout(timer);
      // Where the deadline came first, nobody listens to what comes later.
      asking.catch(() => undefined);
    }
  }
}
