import type { Invalidation } from './fallback.ts';

/** Of one namespace; more become one for all of it. */
const MAX_PER_AREA = 10_000;

/**
 * What this process has noted in the journal since that was last applied, newest only: it stands in for a journal that cannot
 * be read any more, so that Redis can be told and used again.
 */
export class NotedHere {
  readonly #areas = new Map<string, Map<string, Invalidation>>();

  add(invalidations: readonly Invalidation[]): void {
    for (const one of invalidations) {
      const noted = this.#areas.get(one.area) ?? new Map<string, Invalidation>();
      this.#areas.set(one.area, noted);
      const name = `${one.kind} ${one.value}`;
      // Of two for the same, the one that deletes wins.
      if (noted.get(name)?.mode !== 'delete') noted.set(name, one);
      if (noted.size <= MAX_PER_AREA) continue;
      noted.clear();
      noted.set('all ', { area: one.area, kind: 'all', value: '', mode: 'delete' });
    }
  }

  list(): Invalidation[] {
    return Array.from(this.#areas.values(), (noted) => [...noted.values()]).flat();
  }

  clear(): void {
    this.#areas.clear();
  }
}
