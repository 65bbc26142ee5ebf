import type { DurationBounds } from './duration-bounds.ts';
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
  read(value: string | number, field: string, bounds: DurationBounds): number {
    return readDuration(value, `${this.#path}.${field}`, bounds, this.#problems);
  }
}

/** The same for a duration that stands alone. */
export function readDuration(
  value: string | number,
  path: string,
  { min, max }: DurationBounds,
  problems: ProblemList,
): number {
  try {
    const parsed = parseDuration(value);
    if (parsed >= min && parsed <= max) return parsed;
    const problem = parsed === 0 && min === 1 ? 'must be above zero' : 'is out of range';
    problems.add(path, problem, `at least ${min} ms and at most ${formatTtl(max)}`);
  } catch (error) {
    problems.add(path, error instanceof Error ? error.message : 'is no duration');
  }
  return min;
}
