/** Whoever holds some of the budget. */
export interface Holder {
  /** Whether it goes on so slowly that others should have what it holds. */
  isSlow(): boolean;
  /** Ends it, for another that needs the room: it has let go of all that it held when this returns. */
  giveWay(): void;
}

/** What is small may have this part of the budget to itself, so that a few large ones never stop all others. */
const keptForSmall = 1 / 8;

/** Bytes of memory that all exchanges together may hold. */
export class ByteBudget {
  readonly limitBytes: number;
  readonly #smallBytes: number;
  readonly #holders = new Map<Holder, number>();
  #heldBytes = 0;

  /** @param smallBytes whoever holds no more is small */
  constructor(limitBytes: number, smallBytes: number) {
    this.limitBytes = limitBytes;
    this.#smallBytes = smallBytes;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Whether there is room for so many bytes while nobody else holds any. */
  canEverHold(bytes: number): boolean {
    return bytes <= this.#limitFor(bytes);
  }

  /**
   * From now on the holder holds so many bytes, whatever it held before. Where there is no room for more, those give way who are slow.
   * @returns whether there was room; if not, it holds what it held
   */
  hold(holder: Holder, bytes: number): boolean {
    const more = bytes - (this.#holders.get(holder) ?? 0);
    if (more > 0 && !this.#hasRoom(more, bytes)) {
      for (const other of this.#holders.keys()) {
        if (other === holder || !other.isSlow()) continue;
        other.giveWay();
        if (this.#hasRoom(more, bytes)) break;
      }
      if (!this.#hasRoom(more, bytes)) return false;
    }
    this.#heldBytes += more;
    this.#holders.set(holder, bytes);
    return true;
  }

  release(holder: Holder): void {
    this.#heldBytes -= this.#holders.get(holder) ?? 0;
    this.#holders.delete(holder);
  }

  #hasRoom(more: number, bytes: number): boolean {
    return this.#heldBytes + more <= this.#limitFor(bytes);
  }

  #limitFor(bytes: number): number {
    return bytes <= this.#smallBytes ? this.limitBytes : (1 - keptForSmall) * this.limitBytes;
  }
}
