import { describe, expect, it } from 'vitest';
import { loadData, stateAt } from '@holdfast/example-upstream';
import type { Instance } from '@holdfast/example-upstream';

const data = loadData();
const MINUTE = 60_000;
const start = Date.parse('2026-11-20T12:00:00Z');
const idsAt = (now: number): Set<string> => new Set(stateAt(data, now).instances.map(({ id }) => id));
const byId = (now: number): Map<string, Instance> =>
  new Map(stateAt(data, now).instances.map((instance) => [instance.id, instance]));

describe('the data files', () => {
  it('hold at least 500 instances and 50 products, each with its own id', () => {
    expect(new Set(data.instances.map(({ id }) => id)).size).toBeGreaterThanOrEqual(500);
    expect(new Set(data.products.map(({ id }) => id)).size).toBeGreaterThanOrEqual(50);
  });
});

describe('stateAt', () => {
  it('says the same for the same minute', () => {
    expect(stateAt(data, start)).toEqual(stateAt(data, start + MINUTE - 1));
  });

  it('never has fewer than 500 instances, nor two of one id', () => {
    for (let minute = 0; minute < 24 * 60; minute += 1) {
      const { instances } = stateAt(data, start + minute * MINUTE);
      expect(instances.length).toBeGreaterThanOrEqual(500);
      expect(new Set(instances.map(({ id }) => id)).size).toBe(instances.length);
    }
  });

  it('lets some instances appear, disappear and change within any five minutes', () => {
    for (let minute = 0; minute < 24 * 60; minute += 5) {
      const before = byId(start + minute * MINUTE);
      const after = byId(start + (minute + 5) * MINUTE);
      const stayed = [...after.values()].filter(({ id }) => before.has(id));
      const changed = stayed.filter((instance) => instance.status !== before.get(instance.id)?.status);
      expect(after.size - stayed.length).toBeGreaterThan(0);
      expect(before.size - stayed.length).toBeGreaterThan(0);
      expect(changed.length).toBeGreaterThan(0);
      expect(changed.length).toBeLessThan(100);
    }
  });

  it('moves the prices of products, and of their instances with them', () => {
    const before = stateAt(data, start);
    const after = stateAt(data, start + 60 * MINUTE);
    const changed = after.products.filter((product, index) => product.price !== before.products[index]?.price);
    expect(changed.length).toBeGreaterThan(0);
    const [product] = changed;
    const instance = after.instances.find(({ productId }) => productId === product?.id);
    expect(instance?.price).toBeCloseTo((product?.price ?? 0) * (instance?.gpuNum ?? 0), 2);
  });

  it('keeps the first instance of the file, which the examples name', () => {
    expect(idsAt(start)).toContain('74b5ca4f9baa149a');
    expect(idsAt(start + 365 * 24 * 60 * MINUTE)).toContain('74b5ca4f9baa149a');
  });

  it('shows the newest instance first', () => {
    const created = stateAt(data, start).instances.map(({ createdAt }) => createdAt);
    expect(created).toEqual(created.toSorted().toReversed());
    expect(Date.parse(created[0] ?? '')).toBeLessThanOrEqual(start);
  });

  it('does not change what it was given', () => {
    const copy = structuredClone(data);
    stateAt(data, start);
    expect(data).toEqual(copy);
  });
});
