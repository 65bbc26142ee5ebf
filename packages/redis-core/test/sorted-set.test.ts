import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RankedList } from '../src/engines/ranked-list.ts';
import { SortedSet } from '../src/engines/sorted-set.ts';

/** What a sorted set is, at its simplest: sorted anew each time. */
class Model {
  readonly #scores = new Map<string, number>();

  add(member: string, score: number): void {
    this.#scores.set(member, score);
  }

  remove(member: string): void {
    this.#scores.delete(member);
  }

  inOrder(): { member: string; score: number }[] {
    return Array.from(this.#scores, ([member, score]) => ({ member, score })).sort(
      (a, b) => a.score - b.score || Buffer.compare(Buffer.from(a.member), Buffer.from(b.member)),
    );
  }
}

const member = fc.oneof(
  fc.constantFrom('a', 'b', 'c', 'é', '\u{ff5e}', '\u{1f600}', 'aa'),
  fc.string({ unit: 'grapheme' }),
);
const score = fc.oneof(fc.integer({ min: -5, max: 5 }), fc.constantFrom(Infinity, -Infinity, 0.5));
const change = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('add' as const), member, score }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), member, score }) },
);

describe('a sorted set in memory', () => {
  it('has the order of its scores and bytes, whatever was added and removed, from both ends', () => {
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 200 }),
        fc.integer({ min: -8, max: 8 }),
        fc.integer({ min: -8, max: 8 }),
        score,
        score,
        fc.boolean(),
        (changes, start, stop, min, max, reverse) => {
          const set = new SortedSet();
          const model = new Model();
          for (const one of changes) {
            if (one.kind === 'add') {
              set.add(one.member, one.score);
              model.add(one.member, one.score);
            } else {
              set.remove(one.member);
              model.remove(one.member);
            }
          }
          const rising = model.inOrder();
          const ordered = reverse ? rising.toReversed() : rising;
          expect(set.size).toBe(rising.length);
          expect(set.range({ by: 'index', start: 0, stop: -1, reverse })).toEqual(ordered);
          const from = start < 0 ? Math.max(0, rising.length + start) : start;
          const to = stop < 0 ? rising.length + stop : stop;
          expect(set.range({ by: 'index', start, stop, reverse })).toEqual(ordered.slice(from, Math.max(from, to + 1)));
          const within = ordered.filter((one) => one.score >= min && one.score <= max);
          expect(set.range({ by: 'score', min, max, reverse })).toEqual(within);
          expect(set.range({ by: 'score', min, max, reverse, limit: 3 })).toEqual(within.slice(0, 3));
        },
      ),
    );
  });

  it('pages through the members of one score by their bytes', () => {
    fc.assert(
      fc.property(fc.uniqueArray(member, { maxLength: 50 }), fc.integer({ min: 1, max: 7 }), (members, limit) => {
        const set = new SortedSet();
        for (const one of members) set.add(one, 0);
        const seen: string[] = [];
        for (let after: string | undefined; ; after = seen.at(-1)) {
          const page = set.range({ by: 'lex', limit, ...(after === undefined ? {} : { after }) });
          seen.push(...page.map((one) => one.member));
          if (page.length < limit) break;
        }
        expect(seen).toEqual(members.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
      }),
    );
  });

  it('looks at few of its members for each change and each page, however many there are', () => {
    let compared = 0;
    const list = new RankedList<number>((a, b) => {
      compared += 1;
      return a - b;
    });
    // In no order, and each once: the step has no divisor in common with the number.
    const size = 1 << 17;
    const items = Array.from({ length: size }, (_, index) => (index * 40_503) % size);
    for (const item of items) list.insert(item);
    // An item is compared with about four on each of some nine levels. Ten times as many would still be no walk.
    const few = 400;
    expect(compared / size).toBeLessThan(few);
    compared = 0;
    for (const item of items.slice(0, 1000)) {
      expect(list.remove(item)).toBe(true);
      list.insert(item);
    }
    expect(compared / 2000).toBeLessThan(few);
    compared = 0;
    expect(list.slice(99_000, 99_003)).toEqual([99_000, 99_001, 99_002]);
    expect(
      list.rankOf((item) => {
        compared += 1;
        return item < 70_000;
      }),
    ).toBe(70_000);
    expect(compared).toBeLessThan(few);
  });
});
