/** One thing that is wrong with the configuration. */
export interface ConfigProblem {
  /** The variable (`REDIS_URL`), or the path in the file (`cache.namespaces.products.ttl`). */
  readonly path: string;
  /** What is wrong, without the value of anything that may be secret. */
  readonly message: string;
  /** What would be right. Empty where the message says it already. */
  readonly allowed: string;
}

/** The configuration cannot be used. `message` lists every problem, one a line, and can be shown as it is. */
export class ConfigError extends Error {
  readonly code = 'CONFIG_INVALID';
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    const title = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
    super(
      [`The configuration is not valid (${title}):`, ...problems.map((problem) => `  ${line(problem)}`)].join('\n'),
    );
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** Gathers problems, so that all of them are reported at once. */
export class ProblemList {
  readonly #problems: ConfigProblem[] = [];

  /** The first problem of a path counts; a later one would only follow from it. */
  add(path: string, message: string, allowed = ''): void {
    if (this.#problems.some((problem) => problem.path === singleLine(path))) return;
    this.#problems.push({ path: singleLine(path), message: singleLine(message), allowed: singleLine(allowed) });
  }

  get count(): number {
    return this.#problems.length;
  }

  /** Whether there is a problem of just this path. */
  has(path: string): boolean {
    return this.#problems.some((problem) => problem.path === path);
  }

  /** @throws {ConfigError} when there is any problem. */
  throwIfAny(): void {
    if (this.#problems.length > 0) throw new ConfigError(this.#problems);
  }
}

/** Thrown by the parser of one value: says what would be right, never what was given. */
export class ValueError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ValueError';
  }
}

function line({ path, message, allowed }: ConfigProblem): string {
  return `${path}: ${message}${allowed === '' ? '' : ` (allowed: ${allowed})`}`;
}

function singleLine(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is removed
  return text.replaceAll(/[\u0000-\u001f\u007f\u2028\u2029]+/g, ' ');
}
