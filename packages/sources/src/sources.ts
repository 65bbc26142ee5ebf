import { SourceDisabledError, SourceUnknownError } from './errors.ts';
import type { Mirror } from './mirror.ts';

/** The sources of a service, by name. */
export class Sources {
  readonly #mirrors: ReadonlyMap<string, Mirror>;
  readonly #disabled: ReadonlySet<string>;

  /** @param disabled names of sources that are turned off: not there, and said to be so instead of unknown */
  constructor(mirrors: Iterable<Mirror>, disabled: readonly string[] = []) {
    this.#disabled = new Set(disabled);
    this.#mirrors = new Map(Array.from(mirrors, (mirror) => [mirror.name, mirror]));
  }

  /** @throws {SourceUnknownError}, or {SourceDisabledError} where it is turned off */
  get(name: string): Mirror {
    const mirror = this.#mirrors.get(name);
    if (mirror !== undefined) return mirror;
    throw this.#disabled.has(name) ? new SourceDisabledError(name) : new SourceUnknownError(name, this.names());
  }

  /** In alphabetical order. */
  names(): string[] {
    return [...this.#mirrors.keys()].toSorted();
  }
}
