/** Label of everything that is not worth, or not safe, a time series of its own. */
export const other = 'other';

/** The values that a label may have. */
export interface LabelValues {
  /** `value`, or `other` where it is none of them. */
  of(value: string): string;
}

/** The labels of a metric, by name: a list of their values, or what bounds their number. */
export type LabelSpecs = Readonly<Record<string, readonly string[] | LabelValues>>;

/** What has to be given for each label. */
export type ValuesOf<Specs extends LabelSpecs> = {
  readonly [Name in keyof Specs]: Specs[Name] extends readonly (infer Value extends string)[] ? Value : string;
};

/**
 * Lets the first `limit` different values through and turns the rest into `other`: a label never has more values than
 * that, whatever is published. Metrics that have the label in common share one, so that they agree.
 */
export class BoundedLabel implements LabelValues {
  readonly #limit: number;
  readonly #seen = new Set<string>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  of(value: string): string {
    if (this.#seen.has(value)) return value;
    if (this.#seen.size >= this.#limit || value.length > 200) return other;
    this.#seen.add(value);
    return value;
  }
}

/** Of a metric, by name. */
export type GivenLabels = Readonly<Partial<Record<string, string>>>;

/** The labels of one metric: makes of what is given what is shown. */
export class Labels {
  readonly names: readonly string[];
  readonly #values: readonly (readonly [name: string, values: LabelValues])[];
  readonly #lists: readonly (readonly [name: string, list: readonly string[]])[];

  constructor(specs: LabelSpecs) {
    const entries = Object.entries(specs);
    this.names = entries.map(([name]) => name);
    this.#lists = entries.flatMap(([name, spec]) => (isList(spec) ? [[name, spec] as const] : []));
    this.#values = entries.map(([name, spec]) => [name, isList(spec) ? new ListedLabel(spec) : spec] as const);
  }

  /** @throws when a label is missing. */
  of(given: GivenLabels): Record<string, string> {
    const shown: Record<string, string> = {};
    for (const [name, values] of this.#values) {
      const value = given[name];
      if (value === undefined) throw new TypeError(`the label ${name} is missing`);
      shown[name] = values.of(value);
    }
    return shown;
  }

  /** All labels that are possible with those that are given. */
  *combinations(given: GivenLabels): Generator<GivenLabels> {
    const open = this.#lists.find(([name]) => given[name] === undefined);
    if (open === undefined) return yield given;
    const [name, list] = open;
    for (const value of list) yield* this.combinations({ ...given, [name]: value });
  }
}

class ListedLabel implements LabelValues {
  readonly #list: ReadonlySet<string>;

  constructor(list: readonly string[]) {
    this.#list = new Set(list);
  }

  of(value: string): string {
    return this.#list.has(value) ? value : other;
  }
}

function isList(spec: readonly string[] | LabelValues): spec is readonly string[] {
  return Array.isArray(spec);
}
