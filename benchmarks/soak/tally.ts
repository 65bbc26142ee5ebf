/** What a client of ours saw: its requests by what came of them, and the jobs that it was promised. */
export class Tally {
  /** An answer below 500 came. */
  answered = 0;
  /** An answer of 500 or more came. */
  failed = 0;
  /** It left, or its connection broke, before an answer had come. */
  unanswered = 0;
  promises = 0;
  /** Jobs that were acknowledged and have not arrived yet. */
  readonly #awaited = new Set<string>();
  /** Jobs that arrived before they were acknowledged, or that nobody knows to have been taken. */
  readonly #early = new Set<string>();

  get awaited(): number {
    return this.#awaited.size;
  }

  note(status: number): void {
    if (status >= 500) this.failed += 1;
    else this.answered += 1;
  }

  /** What was noted already was left before its end. */
  leave(status: number): void {
    if (status >= 500) this.failed -= 1;
    else this.answered -= 1;
    this.unanswered += 1;
  }

  promise(job: string): void {
    this.promises += 1;
    if (!this.#early.delete(job)) this.#awaited.add(job);
  }

  /** It came to where it was to go; more than once perhaps. */
  arrive(job: string): void {
    if (!this.#awaited.delete(job)) this.#early.add(job);
  }

  /** Nobody waits any more for those that have not come. */
  giveUp(): void {
    this.#awaited.clear();
  }
}
