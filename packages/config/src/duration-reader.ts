import { formatTtl, parseDuration } from './duration.ts';
import type { ProblemList } from './errors.ts';

/** Reads the durations of one queue: the schema has checked their form, the bounds are checked here. */
export class DurationReader {
  readonly #path: string;
  readonly #problems: ProblemList;

  constructor(path: string, problems: ProblemList) {
    this.#path = path;
    this.#problems = problems;
  }

  /** Milliseconds; where the text is wrong, a value that does no harm until the problems are reported. */
  read(value: string | number, field: string, minimum: number, maximum = Number.MAX_SAFE_INTEGER): number {
    const path = `${this.#path}.${field}`;
    try {
      const parsed = parseDuration(value);
      if (parsed >= minimum && parsed <= maximum) return parsed;
      const most = maximum === Number.MAX_SAFE_INTEGER ? '' : ` and at most ${formatTtl(maximum)}`;
      this.#problems.add(path, 'is out of range', `at least ${minimum} ms${most}`);
    } catch (error) {
      this.#problems.add(path, error instanceof Error ? error.message : 'is no duration');
    }
    return minimum;
  }
}
