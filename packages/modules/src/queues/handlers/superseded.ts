import type { Logger } from '@holdfast/telemetry';

export interface DeclaredScheduleName {
  readonly queue: string;
  readonly id: string;
}

/** So soon it is looked whether what a newer release declares still holds. */
const againAfterMs = 60_000;

/**
 * The schedules of which a newer release declares something else than this process: they are told once, and tried again, since
 * that release may be rolled back.
 */
export class Superseded {
  readonly #logger: Logger;
  readonly #tryAgain: () => void;
  #told = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(logger: Logger, tryAgain: () => void) {
    this.#logger = logger;
    this.#tryAgain = tryAgain;
  }

  /** What an attempt to install all schedules has found. */
  found(schedules: readonly DeclaredScheduleName[]): void {
    clearTimeout(this.#timer);
    const names = schedules.map(({ queue, id }) => `${queue}/${id}`);
    if (names.length > 0) {
      this.#timer = setTimeout(() => this.#tryAgain(), againAfterMs);
      this.#timer.unref();
    }
    const told = names.sort().join(', ');
    if (told !== '' && told !== this.#told) {
      this.#logger.warn(
        { schedules: names },
        'schedules are left as a newer release declares them; they become as declared here when no process of that one is left, or with a higher HOLDFAST_GENERATION',
      );
    }
    this.#told = told;
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}
