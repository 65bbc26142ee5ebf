import { randomUUID } from 'node:crypto';

/** A place that can lose all that it holds by itself: a server, or in a cluster the slot of a queue. */
export interface EpochPlace {
  readonly name: string;
  /** @returns the epoch there, which is made where there is none: see `lua/epoch.lua`. */
  readonly ask: (newName: string, hadOne: boolean) => Promise<string>;
}

/** While it is not known what is there, no loss can be noticed. */
const unknownEveryMs = 500;

/**
 * Notices that a Redis was emptied while all its connections stayed: FLUSHALL, or a restart without its data that was too quick
 * to be seen. One command an interval (in a cluster one a queue), and only while somebody listens.
 */
export class EpochWatch {
  readonly #places: () => readonly EpochPlace[];
  readonly #intervalMs: number;
  readonly #listeners = new Set<() => void>();
  readonly #known = new Map<string, string>();
  #emptiedAt: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** @param places asked anew at each look */
  constructor(places: () => readonly EpochPlace[], intervalMs: number) {
    this.#places = places;
    this.#intervalMs = intervalMs;
  }

  /** When it was last found emptied, by whichever process; milliseconds since the epoch. */
  get emptiedAt(): number | undefined {
    return this.#emptiedAt;
  }

  onLoss(listener: () => void): () => void {
    this.#listeners.add(listener);
    if (this.#timer === undefined) this.#schedule(0);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#stop();
    };
  }

  /** Looks now. @returns whether all places could be asked */
  async look(): Promise<boolean> {
    const places = this.#places();
    const looks = await Promise.all(places.map(async (place) => this.#lookAt(place).catch(() => undefined)));
    if (looks.includes(true) && !this.#isClosed) for (const listener of this.#listeners) listener();
    return places.length > 0 && !looks.includes(undefined);
  }

  close(): void {
    this.#isClosed = true;
    this.#stop();
    this.#listeners.clear();
  }

  /** @returns whether what was there is lost */
  async #lookAt({ name, ask }: EpochPlace): Promise<boolean> {
    const known = this.#known.get(name);
    const epoch = await ask(randomUUID(), known !== undefined);
    this.#known.set(name, epoch);
    const [, since, wasLost] = epoch.split(' ');
    if (wasLost === '1') this.#emptiedAt = Math.max(this.#emptiedAt ?? 0, Number(since));
    return known !== undefined && known !== epoch;
  }

  #schedule(delayMs: number): void {
    this.#timer = setTimeout(() => void this.#lookAndSchedule(), delayMs);
    this.#timer.unref();
  }

  async #lookAndSchedule(): Promise<void> {
    const isComplete = await this.look();
    if (!this.#isClosed && this.#listeners.size > 0) this.#schedule(isComplete ? this.#intervalMs : unknownEveryMs);
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
