/** A write with when it expires (`null`: never), or a removal. */
export interface Note {
  readonly at: number;
  readonly expiresAt: number | null | 'removed';
}

/** Notes that wait while Redis is away. Beyond it the oldest are given up, and the index has to be repaired. */
const MAX_PENDING = 20_000;

/** What the index of a namespace has to be told, the newest of each key. Bounded. */
export class RecencyNotes {
  #notes = new Map<string, Note>();
  #areAllHere = true;

  get size(): number {
    return this.#notes.size;
  }

  /** Whether none was given up since this was asked last. */
  wereAllKept(): boolean {
    const were = this.#areAllHere;
    this.#areAllHere = true;
    return were;
  }

  has(key: string): boolean {
    return this.#notes.has(key);
  }

  add(key: string, note: Note): void {
    // At the end of the map, so that the oldest note is the first.
    this.#notes.delete(key);
    this.#notes.set(key, note);
    this.#bound();
  }

  /** The oldest ones, at most `count`. They are not here any more. */
  take(count: number): [string, Note][] {
    const taken: [string, Note][] = [];
    for (const note of this.#notes) {
      if (taken.length >= count) break;
      taken.push(note);
    }
    for (const [key] of taken) this.#notes.delete(key);
    return taken;
  }

  /** What was taken could not be told. What was noted since is newer. */
  putBack(taken: readonly (readonly [string, Note])[]): void {
    this.#notes = new Map([...taken, ...this.#notes]);
    this.#bound();
  }

  #bound(): void {
    for (const oldest of this.#notes.keys()) {
      if (this.#notes.size <= MAX_PENDING) return;
      this.#notes.delete(oldest);
      this.#areAllHere = false;
    }
  }
}
