import type { Amounts } from './reading.ts';

export interface Growth {
  readonly of: string;
  readonly before: number;
  readonly after: number;
}

/** From where on more is growth and no chance: by that much, and by that part of what was there. */
interface Tolerance {
  readonly amount: number;
  readonly part: number;
}

const MiB = 1024 * 1024;
const tolerances: readonly (readonly [RegExp, Tolerance])[] = [
  [/^heapBytes$/, { amount: 4 * MiB, part: 0.1 }],
  // The system takes memory back when it likes; the heap and what is external say more.
  [/^residentBytes$/, { amount: 64 * MiB, part: 0.3 }],
  [/^externalBytes$/, { amount: 8 * MiB, part: 0.25 }],
  [/^diskBytes$/, { amount: 32 * MiB, part: 0.5 }],
  [/bytes$/i, { amount: MiB / 2, part: 0.25 }],
  [/^(?:files|sockets|connections)$/, { amount: 4, part: 0.2 }],
  [/./, { amount: 50, part: 0.2 }],
];

/** What there is more of after as much again of the same work: it will be more after the next. The largest part first. */
export function growthBetween(before: Amounts, after: Amounts): Growth[] {
  return Object.entries(after)
    .map(([of, amount]) => ({ of, before: before[of] ?? 0, after: amount }))
    .filter((growth) => isGrowth(growth))
    .toSorted((one, other) => other.after - other.before - (one.after - one.before));
}

function isGrowth({ of, before, after }: Growth): boolean {
  const tolerance = tolerances.find(([pattern]) => pattern.test(of))?.[1];
  return tolerance !== undefined && after - before > tolerance.amount && after > before * (1 + tolerance.part);
}
