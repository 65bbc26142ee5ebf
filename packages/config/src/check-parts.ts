import type { ConfigPart } from './part.ts';
import { baseSections } from './schema.ts';
import type { BaseConfig } from './types.ts';
import { baseVariables } from './variables.ts';

const itself = 'Holdfast itself';

const baseSettings = {
  environment: itself,
  mode: itself,
  profile: itself,
  server: itself,
  worker: itself,
  log: itself,
  dataDir: itself,
  dataVolume: itself,
  redis: itself,
  apiKeys: itself,
  warnings: itself,
  file: itself,
} satisfies Readonly<Record<keyof BaseConfig, string>>;

/**
 * Two parts that share a name would read each other's settings, and nobody would be told.
 *
 * @throws {Error} naming both of them; or a part that stands before one that it needs
 */
export function checkParts(parts: readonly ConfigPart[]): void {
  const names = new Owners('name', Object.keys(baseSettings));
  const variables = new Owners('variable', Object.keys(baseVariables));
  const sections = new Owners('section of holdfast.yaml', Object.keys(baseSections));
  const earlier = new Set<ConfigPart>();
  for (const part of parts) {
    names.add(part, [part.name]);
    variables.add(part, Object.keys(part.variables));
    sections.add(part, Object.keys(part.file));
    const missing = Object.values(part.needs ?? {}).find((needed) => !earlier.has(needed));
    if (missing !== undefined) {
      throw new Error(`The part ${part.name} of the configuration needs ${missing.name}, which must stand before it.`);
    }
    earlier.add(part);
  }
}

/** Who has which name of one kind. */
class Owners {
  readonly #kind: string;
  readonly #names: Map<string, string>;

  constructor(kind: string, taken: readonly string[]) {
    this.#kind = kind;
    this.#names = new Map(taken.map((name) => [name, itself]));
  }

  add(part: ConfigPart, names: readonly string[]): void {
    for (const name of names) {
      const owner = this.#names.get(name);
      if (owner !== undefined) {
        throw new Error(`The ${this.#kind} ${name} belongs to ${owner} already, and to the part ${part.name} as well.`);
      }
      this.#names.set(name, `the part ${part.name}`);
    }
  }
}
