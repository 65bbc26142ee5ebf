import { setTimeout as sleep } from 'node:timers/promises';
import { queryObjects, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export interface HeapGrowth {
  /** Objects of each kind that were left for each piece of work. */
  readonly signals: number;
  readonly timers: number;
  /** Everything that is an object, promises and closures among them. */
  readonly objects: number;
  /** Bytes of the heap for each piece of work; noisy, so for people. */
  readonly bytes: number;
}

export interface HeapGrowthOptions {
  /** How often the work is done between the two looks. */
  readonly times?: number;
  /** How many at once. */
  readonly together?: number;
  /** How long what belongs to no piece of work may take to end, such as a socket that is kept alive. */
  readonly settleMs?: number;
}

const timer = setTimeout(() => undefined);
clearTimeout(timer);
const kinds: Readonly<Record<Exclude<keyof HeapGrowth, 'bytes'>, new (...args: never[]) => unknown>> = {
  signals: AbortSignal,
  timers: timer.constructor as new () => unknown,
  objects: Object,
};

/**
 * Compares the heap before and after a piece of work was done many times, object by object (V8 collects its garbage for
 * that): what each leaves behind. Work that leaves nothing gives less than 0.1 of each kind.
 */
export async function heapGrowth(
  work: (n: number) => Promise<unknown>,
  options: HeapGrowthOptions = {},
): Promise<HeapGrowth> {
  const { times = 400, together = 4, settleMs = 100 } = options;
  let done = 0;
  const run = async (count: number): Promise<void> => {
    const until = done + count;
    await Promise.all(
      Array.from({ length: together }, async () => {
        while (done < until) {
          done += 1;
          await work(done);
        }
      }),
    );
  };
  // What is made once is made.
  await run(times / 2);
  const before = await look(settleMs);
  await run(times);
  const after = await look(settleMs);
  const growth = (name: keyof HeapGrowth): number => Math.round(((after[name] - before[name]) / times) * 100) / 100;
  return {
    signals: growth('signals'),
    timers: growth('timers'),
    objects: growth('objects'),
    bytes: growth('bytes'),
  };
}

async function look(settleMs: number): Promise<HeapGrowth> {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  // Finalizers run after a collection, and free what the next one collects.
  for (let round = 0; round < 3; round += 1) {
    await sleep(settleMs);
    collectGarbage();
  }
  const count = (kind: keyof typeof kinds): number => queryObjects(kinds[kind], { format: 'count' });
  return {
    signals: count('signals'),
    timers: count('timers'),
    objects: count('objects'),
    bytes: process.memoryUsage().heapUsed,
  };
}
