/** How long an error that was told is only counted. */
const SILENCE_MS = 60_000;
/** Kinds that are remembered. With more, all are forgotten: rather told twice than not at all. */
const MAX_KINDS = 200;

interface Kind {
  readonly toldAt: number;
  /** Since then. */
  readonly count: number;
}

/** Which of many errors are worth a line in the log: the first of a kind, and then one a minute. */
export class RepeatedErrors {
  readonly #kinds = new Map<string, Kind>();
  readonly #now: () => number;

  /** @param now milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * @param text what tells errors apart; numbers and ids in it do not
   * @returns how many errors the line stands for that is to be logged now; 0: log none
   */
  note(text: string): number {
    const kind = text.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|\d+/gi, '#').slice(0, 500);
    const known = this.#kinds.get(kind);
    const now = this.#now();
    if (known !== undefined && now - known.toldAt < SILENCE_MS) {
      this.#kinds.set(kind, { ...known, count: known.count + 1 });
      return 0;
    }
    if (known === undefined && this.#kinds.size >= MAX_KINDS) this.#kinds.clear();
    this.#kinds.set(kind, { toldAt: now, count: 0 });
    return (known?.count ?? 0) + 1;
  }
}
