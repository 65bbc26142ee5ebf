import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PipelineOperation } from '../src/index.ts';
import { classOf } from '../src/pipeline-operation.ts';
import { MAX_BATCH_BYTES } from '../src/batch-bytes.ts';
import { plan } from '../src/pipeline-plan.ts';

const key = fc.constantFrom('a', 'b', 'c', 'd', 'e');
/** Four to a batch, or one, or any number. */
const value = fc.constantFrom('1', 'x'.repeat(250_000), 'ä'.repeat(MAX_BATCH_BYTES));
const operation: fc.Arbitrary<PipelineOperation> = fc.oneof(
  fc.record({ op: fc.constant('get' as const), key }),
  fc.record({ op: fc.constant('pttl' as const), key }),
  fc.record({ op: fc.constant('set' as const), key, value, nx: fc.boolean() }),
  fc.record({ op: fc.constant('del' as const), key }),
);
/** Whether these may travel together: a megabyte at most, or one alone. */
function bytesIn(operations: readonly (PipelineOperation | undefined)[]): boolean {
  const bytes = operations.map((one) => (one?.op === 'set' ? Buffer.byteLength(one.value) : 0));
  return operations.length === 1 || bytes.reduce((sum, more) => sum + more, 0) <= MAX_BATCH_BYTES;
}

const slotOf = (name: string): number => name.charCodeAt(0) % 3;

describe('a plan', () => {
  test('holds each operation once, in batches of its class, of a bounded size, in groups of one slot', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200 }), fc.integer({ min: 1, max: 30 }), (operations, size) => {
        const batches = plan(operations, size, slotOf).flat();
        const places = batches.flatMap(({ groups }) => groups.flat());
        expect(places.toSorted((a, b) => a - b)).toEqual(operations.map((_, index) => index));
        for (const { kind, groups } of batches) {
          expect(groups.flat().length).toBeLessThanOrEqual(size);
          expect(bytesIn(groups.flat().map((place) => operations[place]))).toBe(true);
          for (const group of groups) {
            const members = group.map((place) => operations[place]).filter((one) => one !== undefined);
            expect(new Set(members.map(classOf))).toEqual(new Set([kind]));
            expect(new Set(members.map((one) => ('key' in one ? slotOf(one.key) : 0))).size).toBe(1);
          }
        }
      }),
    );
  });

  test('keeps the order of what touches a key, unless all of it reads', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 100 }), fc.integer({ min: 1, max: 30 }), (operations, size) => {
        const stages = plan(operations, size, slotOf);
        const where = new Map<number, { stage: number; batch: object; at: number }>();
        for (const [stage, batches] of stages.entries()) {
          for (const batch of batches) {
            for (const [at, place] of batch.groups.flat().entries()) where.set(place, { stage, batch, at });
          }
        }
        for (const [later, second] of operations.entries()) {
          for (const [earlier, first] of operations.slice(0, later).entries()) {
            if (!('key' in first && 'key' in second) || first.key !== second.key) continue;
            if (first.op === 'get' && second.op === 'get') continue;
            const [a, b] = [where.get(earlier), where.get(later)];
            if (a === undefined || b === undefined) throw new Error('An operation is missing.');
            expect(a.stage < b.stage || (a.batch === b.batch && a.at < b.at)).toBe(true);
          }
        }
      }),
    );
  });

  test('of large writes, also to one key, has batches of a megabyte, and one of its own for what is larger', () => {
    const value = Buffer.alloc(300_000);
    const large = Array.from({ length: 30 }, (_, index): PipelineOperation => ({ op: 'set', key: `k${index}`, value }));
    expect(plan(large, 50)).toHaveLength(1);
    expect(plan(large, 50)[0]).toHaveLength(10);
    const onOne = large.map((one): PipelineOperation => ({ ...one, op: 'set', key: 'k', value }));
    expect(plan(onOne, 50)).toHaveLength(10);
    const larger = Buffer.alloc(2 * MAX_BATCH_BYTES);
    const few = ['a', 'b', 'c'].map((name): PipelineOperation => ({ op: 'set', key: name, value: larger }));
    expect(plan(few, 50)[0]).toHaveLength(3);
  });

  test('of writes to different keys has one stage and full batches', () => {
    const operations = Array.from({ length: 1000 }, (_, index): PipelineOperation => ({
      op: 'set',
      key: `k${index}`,
      value: '1',
    }));
    const stages = plan(operations, 50);
    expect(stages).toHaveLength(1);
    expect(stages[0]).toHaveLength(20);
  });
});
