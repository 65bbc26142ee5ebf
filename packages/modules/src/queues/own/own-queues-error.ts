const summary = 'The handlers of holdfast.yaml cannot be used';

/**
 * The queues that an installation brings along in files cannot be used. The message tells everything that is wrong, one a
 * line, each with the file; there is no stack worth reading.
 */
export class OwnQueuesError extends Error {
  /** The message without the problems. */
  readonly summary = summary;
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super([`${summary}:`, ...problems.map((problem) => `  ${problem}`)].join('\n'));
    this.name = 'OwnQueuesError';
    this.problems = problems;
  }
}
