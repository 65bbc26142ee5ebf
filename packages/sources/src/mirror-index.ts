import type { Keys, RedisEngine } from '@holdfast/redis-core';

/** Ids that one command reads. */
const PAGE = 10_000;

/**
 * Stands before the ids of a mirror whose index was lost, or is new, as long as nobody has looked for items that an index before it had.
 * No id is empty.
 */
export const SEARCH_DUE = '';

/**
 * The ids of one mirror: a sorted set whose members all have the score 0, so that they are ordered by their bytes and
 * can be paged through while they change.
 */
export class MirrorIndex {
  readonly #engine: RedisEngine;
  readonly #key: string;
  /** Commands sent so far. */
  commands = 0;

  constructor(engine: RedisEngine, keys: Keys, source: string) {
    this.#engine = engine;
    this.#key = keys.sourceIndex(source);
  }

  /** One command for all, so that an index is never half there after a crash. */
  async add(ids: Iterable<string>): Promise<void> {
    const members = Array.from(ids, (member) => ({ member, score: 0 }));
    if (members.length === 0) return;
    this.commands += 1;
    await this.#engine.zadd(this.#key, members);
  }

  async remove(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    this.commands += 1;
    await this.#engine.zrem(this.#key, ids);
  }

  /** Ids after `after` (exclusive), at most `limit`. */
  async page(limit: number, after?: string): Promise<string[]> {
    this.commands += 1;
    // After the mark, which comes before every id.
    return this.#range(limit, after ?? SEARCH_DUE);
  }

  async all(): Promise<{ readonly ids: string[]; readonly isSearchDue: boolean }> {
    const members: string[] = [];
    for (let after: string | undefined; ; after = members.at(-1)) {
      this.commands += 1;
      const page = await this.#range(PAGE, after);
      members.push(...page);
      if (page.length < PAGE) break;
    }
    const isSearchDue = members[0] === SEARCH_DUE;
    return { ids: isSearchDue ? members.slice(1) : members, isSearchDue };
  }

  async #range(limit: number, after: string | undefined): Promise<string[]> {
    const range = { by: 'lex', limit, ...(after === undefined ? {} : { after }) } as const;
    return (await this.#engine.zrange(this.#key, range)).map(({ member }) => member);
  }

  /** Of members: of ids, and of the mark. */
  async count(): Promise<number> {
    this.commands += 1;
    return this.#engine.zcard(this.#key);
  }
}
