/** Which part of the process each metric belongs to. */
export class MetricNames {
  readonly #owners = new Map<string, string>();

  /** @throws when `name` belongs to somebody: two that count under one name count nothing that can be told apart. */
  claim(name: string, owner: string): void {
    const first = this.#owners.get(name);
    if (first !== undefined) {
      const who = first === owner ? `twice by "${owner}"` : `by "${first}" and by "${owner}"`;
      throw new Error(`The metric ${name} is declared ${who}: each name belongs to one part of the service.`);
    }
    this.#owners.set(name, owner);
  }
}
