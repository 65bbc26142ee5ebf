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
  /** Processor time of this process for one unit, in microseconds, the median of the rounds. */
  readonly processorTime: number;
  /** The median over the rounds of its processor time as a multiple of Holdfast's in the same round. */
  readonly processorTimeOfFirst: number;
}

/** Lets candidates take turns, each round beginning with another one, so that a slow machine is slow for all of them. */
export async function takeTurns(
  candidates: readonly Candidate[],
  { rounds, ms, callers }: { readonly rounds: number; readonly ms: number; readonly callers: number },
): Promise<Measured[]> {
  const runs = new Map<string, Run[]>(candidates.map(({ name }) => [name, []]));
  for (let round = -1; round < rounds; round += 1) {
    const order = candidates.map((_, index) => candidates[(index + round + 1) % candidates.length]);
    for (const candidate of order) {
      if (candidate === undefined) continue;
      const measured = await run(candidate.act, ms, callers);
      if (round >= 0) runs.get(candidate.name)?.push(measured); // the first round only warms up
    }
  }
  const first = runs.get(candidates[0]?.name ?? '') ?? [];
  const ofFirst = (own: readonly Run[], part: keyof Run): number =>
    median(own.map((one, round) => one[part] / (first[round]?.[part] ?? Number.NaN)));
  return candidates.map(({ name }) => {
    const own = runs.get(name) ?? [];
    return {
      name,
      rate: median(own.map(({ rate }) => rate)),
      ofFirst: ofFirst(own, 'rate'),
      processorTime: median(own.map(({ processorTime }) => processorTime)),
      processorTimeOfFirst: ofFirst(own, 'processorTime'),
    };
  });
}

interface Run {
  readonly rate: number;
  readonly processorTime: number;
}

async function run(act: () => Promise<unknown>, ms: number, callers: number): Promise<Run> {
  const used = process.cpuUsage();
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
  const { user, system } = process.cpuUsage(used);
  return { rate: (done / (performance.now() - start)) * 1000, processorTime: (user + system) / done };
}

/**
 * Prints a table; a ratio above 1 says by how much Holdfast is faster than the peer of that row, or needs less processor
 * time. The latter says more on a machine that others use as well.
 */
export function print(title: string, measured: readonly Measured[], unit: string): void {
  console.log(`\n${title}\n`);
  console.log(`| | ${unit} | Holdfast is | processor time, µs | Holdfast's fits in |\n|---|---:|---:|---:|---:|`);
  for (const { name, rate, ofFirst, processorTime, processorTimeOfFirst } of measured) {
    const time = processorTime >= 100 ? Math.round(processorTime).toLocaleString('en') : processorTime.toFixed(2);
    const figure = rate >= 100 ? Math.round(rate).toLocaleString('en') : rate.toFixed(2);
    console.log(
      `| ${name} | ${figure} | ${(1 / ofFirst).toFixed(2)}× | ${time} | ${processorTimeOfFirst.toFixed(2)} times |`,
    );
  }
}
