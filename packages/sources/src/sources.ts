import { SourceUnknownError } from './errors.ts';
import type { Mirror } from './mirror.ts';

/** The sources of a service, by name. */
export class Sources {
  readonly #mirrors: ReadonlyMap<string, Mirror>;

  constructor(mirrors: Iterable<Mirror>) {
    this.#mirrors = new Map(Array.from(mirrors, (mirror) => [mirror.name, mirror]));
  }

  /** @throws {SourceUnknownError} */
  get(name: string): Mirror {
    const mirror = this.#mirrors.get(name);
    if (mirror === undefined) throw new SourceUnknownError(name, this.names());
    return mirror;
  }

  /** In alphabetical order. */
  names(): string[] {
    return [...this.#mirrors.keys()].toSorted();
  }
}
