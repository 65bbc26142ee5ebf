import { uniquePrefix, useRedis } from '@holdfast/testing';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import {
  createEngine,
  MemoryEngine,
  rateLog,
  rateLogArguments,
  takeFromRateLog,
  type RateLogAsk,
  type RateLogChunk,
  type RateLogDecision,
} from '../src/index.ts';
import { calm } from './contract/calm.ts';

interface Call {
  readonly afterMs: number;
  readonly amount: number;
}
interface Taken {
  readonly at: number;
  readonly amount: number;
}

const limit = fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 30, max: 400 }));
const perMs = fc.integer({ min: 1, max: 60 });
const calls = fc.array(
  fc.record({
    afterMs: fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 0, max: 3 }) }, fc.integer({ min: 0, max: 80 })),
    amount: fc.oneof({ weight: 5, arbitrary: fc.constant(1) }, fc.integer({ min: 0, max: 30 })),
  }),
  { minLength: 1, maxLength: 150 },
);

/** Both ends belong to the span: a clock of milliseconds cannot tell that two are a little further apart. */
function inSpan(taken: readonly Taken[], end: number, length: number): number {
  return taken.filter(({ at }) => at <= end && at >= end - length).reduce((sum, { amount }) => sum + amount, 0);
}

function replay(
  list: readonly Call[],
  ask: Omit<RateLogAsk, 'amount'>,
  look: (
    call: { now: number; amount: number; before: readonly Taken[]; log: readonly RateLogChunk[] } & RateLogDecision,
  ) => void,
): void {
  let now = 1000;
  let log: readonly RateLogChunk[] = [];
  const taken: Taken[] = [];
  for (const { afterMs, amount } of list) {
    now += afterMs;
    const decision = takeFromRateLog(log, { ...ask, amount }, now);
    look({ now, amount, before: [...taken], log, ...decision });
    if (decision.taken) taken.push({ at: now, amount });
    ({ chunks: log } = decision);
  }
}

describe('the log of a rate limit', () => {
  it('never grants more than the limit in any span of its length', () => {
    fc.assert(
      fc.property(limit, perMs, calls, (max, length, list) => {
        replay(list, { limit: max, perMs: length }, ({ taken, now, amount, before }) => {
          if (taken && amount > 0) expect(inSpan(before, now, length) + amount).toBeLessThanOrEqual(max);
        });
      }),
    );
  });

  it('refuses only what would be more, up to a 32nd of the limit', () => {
    fc.assert(
      fc.property(limit, perMs, calls, (max, length, list) => {
        replay(list, { limit: max, perMs: length }, ({ taken, now, amount, before }) => {
          if (!taken) expect(inSpan(before, now, length) + amount + Math.floor(max / 32)).toBeGreaterThan(max);
        });
      }),
    );
  });

  it('says how much is left, when an amount can be taken, and when all is forgotten', () => {
    fc.assert(
      fc.property(limit, perMs, calls, (max, length, list) => {
        replay(
          list,
          { limit: max, perMs: length },
          ({ taken, now, amount, log, waitMs, remaining, resetMs, chunks }) => {
            const takes = (of: number, at: number): boolean =>
              takeFromRateLog(chunks, { limit: max, perMs: length, amount: of }, at).taken;
            expect(takes(remaining, now)).toBe(true);
            expect(takes(remaining + 1, now)).toBe(false);
            expect(takeFromRateLog(chunks, { limit: max, perMs: length, amount: max }, now + resetMs).taken).toBe(true);
            if (taken) return expect(waitMs).toBe(0);
            expect(chunks.length).toBeLessThanOrEqual(log.length);
            if (amount > max) return expect(waitMs).toBe(-1);
            expect(takes(amount, now + waitMs)).toBe(true);
            expect(takes(amount, now + waitMs - 1)).toBe(false);
          },
        );
      }),
    );
  });

  it('has no more than 65 chunks, whatever the limit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000_000 }), (max) => {
        let log: readonly RateLogChunk[] = [];
        const amount = Math.max(1, Math.floor(max / 1000));
        for (let now = 1; now <= 1000; now += 1) {
          ({ chunks: log } = takeFromRateLog(log, { limit: max, perMs: 100_000, amount }, now));
          expect(log.length).toBeLessThanOrEqual(65);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('goes on after a clock that was ahead, within one span', () => {
    const ask = { limit: 2, perMs: 1000 };
    const { chunks } = takeFromRateLog([], { ...ask, amount: 2 }, 3_600_000);
    expect(takeFromRateLog(chunks, { ...ask, amount: 1 }, 10)).toMatchObject({ taken: false, waitMs: 1001 });
  });

  it('moves what was taken a while ago to now, which counts as long as if it had been taken now', () => {
    const ask = { limit: 3, perMs: 1000, amount: 1 };
    const log = [
      { at: 10, amount: 1 },
      { at: 400, amount: 1 },
      { at: 450, amount: 1 },
    ];
    const { chunks, taken } = takeFromRateLog(log, { ...ask, since: 400 }, 500);
    expect(taken).toBe(true);
    expect(chunks).toEqual([
      { at: 10, amount: 1 },
      { at: 450, amount: 1 },
      { at: 500, amount: 1 },
    ]);
    // What is not in the log any more is taken anew, if it can be.
    expect(takeFromRateLog(log, { ...ask, since: 480 }, 500)).toMatchObject({ taken: false, waitMs: 511 });
    expect(takeFromRateLog(log, { ...ask, since: 300 }, 1402)).toMatchObject({ taken: true, remaining: 1 });
  });

  it('never counts less than the limit allows, however late each amount is used', () => {
    const lateMs = fc.integer({ min: 0, max: 30 });
    const list = fc.array(fc.record({ afterMs: fc.integer({ min: 0, max: 20 }), lateMs }), { maxLength: 60 });
    fc.assert(
      fc.property(
        fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 64, max: 70 })),
        perMs,
        list,
        (max, length, all) => {
          // Asked for, let, and then used so much later, when its place moves: the log is asked in the order of time.
          const steps: { at: number; lateMs: number; uses: boolean }[] = [];
          let now = 1000;
          for (const { afterMs, lateMs: late } of all) {
            now += afterMs;
            steps.push({ at: now, lateMs: late, uses: false }, { at: now + late, lateMs: late, uses: true });
          }
          steps.sort((a, b) => a.at - b.at || Number(a.uses) - Number(b.uses));
          let log: readonly RateLogChunk[] = [];
          const refused = new Set<number>();
          const used: Taken[] = [];
          for (const { at, lateMs: late, uses } of steps) {
            const asked = uses ? at - late : at;
            if (uses && refused.has(asked)) continue;
            const ask = { limit: max, perMs: length, amount: 1, ...(uses && { since: asked }) };
            const decision = takeFromRateLog(log, ask, at);
            ({ chunks: log } = decision);
            if (!decision.taken) refused.add(asked);
            else if (uses) used.push({ at, amount: 1 });
          }
          for (const { at } of used) expect(inSpan(used, at, length)).toBeLessThanOrEqual(max);
        },
      ),
    );
  });
});

describe('its script', () => {
  const { host, port, db } = useRedis();
  const redis = createEngine({ name: 'rate-log', ...calm, target: { kind: 'standalone', host, port, db } });
  const memory = new MemoryEngine();
  afterAll(async () => {
    await Promise.all([redis.close(), memory.close()]);
  });

  it('says on Redis what its twin says', async () => {
    // So long that nothing expires while the test runs: the times are given.
    const longMs = fc.integer({ min: 1_000_000, max: 2_000_000 });
    await fc.assert(
      fc.asyncProperty(limit, longMs, calls, fc.boolean(), async (max, length, list, moves) => {
        const key = uniquePrefix();
        let now = 1_900_000_000_000;
        for (const [index, { afterMs, amount }] of list.entries()) {
          now += (afterMs - 5) * 50_000;
          const moved = moves && index % 3 === 0 ? { since: now - 100_000 } : {};
          const args = rateLogArguments({ amount, limit: max, perMs: length, ...moved }, now);
          const [ours, theirs] = await Promise.all([memory.run(rateLog, [key], args), redis.run(rateLog, [key], args)]);
          expect(theirs).toEqual(ours);
        }
        expect(await redis.mget([key])).toEqual(await memory.mget([key]));
      }),
      { numRuns: 30 },
    );
  });

  it('goes by the clock of the server, and leaves nothing behind', async () => {
    const key = uniquePrefix();
    const take = async (): Promise<unknown> =>
      redis.run(rateLog, [key], rateLogArguments({ amount: 1, limit: 2, perMs: 60_000 }));
    expect(await take()).toEqual([1, 1, 0, 60_001]);
    expect(await take()).toMatchObject([1, 0, 0, 60_001]);
    const refused = (await take()) as number[];
    expect(refused.slice(0, 2)).toEqual([0, 0]);
    expect(refused[2]).toBeGreaterThan(0);
    expect(refused[2]).toBeLessThanOrEqual(60_001);
    expect(await redis.pttl(key)).toBeGreaterThan(0);
  });
});
