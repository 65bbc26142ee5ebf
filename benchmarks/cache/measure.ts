import { median } from '../load.ts';

export interface Candidate {
  readonly name: string;
  /** One unit of what is measured. */
  readonly act: () => Promise<unknown>;
}

export interface Measured {
  readonly name: string;
  /** Units per second, the median of the rounds. */
  readonly rate: number;
  /** The median over the rounds of its rate as a share of Holdfast's in the same round. */
  readonly ofFirst: number;
}

/** Lets candidates take turns, each round beginning with another one, so that a slow machine is slow for all of them. */
export async function takeTurns(
  candidates: readonly Candidate[],
  { rounds, ms, callers }: { readonly rounds: number; readonly ms: number; readonly callers: number },
): Promise<Measured[]> {
  const rates = new Map<string, number[]>(candidates.map(({ name }) => [name, []]));
  for (let round = -1; round < rounds; round += 1) {
    const order = candidates.map((_, index) => candidates[(index + round + 1) % candidates.length]);
    for (const candidate of order) {
      if (candidate === undefined) continue;
      const rate = await run(candidate.act, ms, callers);
      if (round >= 0) rates.get(candidate.name)?.push(rate); // the first round only warms up
    }
  }
  const first = rates.get(candidates[0]?.name ?? '') ?? [];
  return candidates.map(({ name }) => {
    const own = rates.get(name) ?? [];
    return { name, rate: median(own), ofFirst: median(own.map((rate, round) => rate / (first[round] ?? Number.NaN))) };
  });
}

async function run(act: () => Promise<unknown>, ms: number, callers: number): Promise<number> {
  const start = performance.now();
  const end = start + ms;
  let done = 0;
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (performance.now() < end) {
        await act();
        done += 1;
      }
    }),
  );
  return (done / (performance.now() - start)) * 1000;
}

/** Prints a table; a ratio above 1 says by how much Holdfast is faster than the peer of that row. */
export function print(title: string, measured: readonly Measured[], unit: string): void {
  console.log(`\n${title}\n`);
  console.log(`| | ${unit} | Holdfast is |\n|---|---:|---:|`);
  for (const { name, rate, ofFirst } of measured) {
    const figure = rate >= 100 ? Math.round(rate).toLocaleString('en') : rate.toFixed(2);
    console.log(`| ${name} | ${figure} | ${(1 / ofFirst).toFixed(2)}× |`);
  }
}
