import type { LoadClass } from '@holdfast/modules/http';

/** How many requests of each class are worked on, and how many may be. */
export class Slots {
  readonly #limits: Readonly<Record<LoadClass, number>>;
  readonly #taken: Record<LoadClass, number> = { read: 0, write: 0, bulk: 0, wait: 0, stream: 0, probe: 0 };

  constructor(limits: Readonly<Record<LoadClass, number>>) {
    this.#limits = limits;
  }

  isFull(load: LoadClass): boolean {
    return this.#taken[load] >= this.#limits[load];
  }

  take(load: LoadClass): void {
    this.#taken[load] += 1;
  }

  free(load: LoadClass): void {
    this.#taken[load] -= 1;
  }

  taken(load: LoadClass): number {
    return this.#taken[load];
  }
}
