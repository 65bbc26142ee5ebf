import type { TagState } from './tag-state.ts';

/** What a process keeps of the tags of namespaces, each for as long as it may. */
export class KeptTags {
  readonly #states = new Map<string, { readonly state: TagState | null; readonly until: number }>();

  /** `undefined`: it is not kept. */
  get(key: string): TagState | null | undefined {
    const kept = this.#states.get(key);
    if (kept === undefined) return undefined;
    if (kept.until === Infinity || performance.now() < kept.until) return kept.state;
    this.#states.delete(key);
    return undefined;
  }

  /** `until` by this machine's monotonic clock. */
  set(key: string, state: TagState | null, until: number): void {
    this.#states.set(key, { state, until });
  }

  delete(key: string): void {
    this.#states.delete(key);
  }

  clear(): void {
    this.#states.clear();
  }
}
