import { describe, expect, it } from 'vitest';
import { standingAfter, type StoredDeclaration } from '../../src/schedules/declaration.ts';

const one = { fingerprint: 'one', generation: 0, since: 100 };
const two = { fingerprint: 'two', generation: 0, since: 200 };
const stored: StoredDeclaration = { ...two, earlier: [one] };
const claim = { fingerprint: 'one', generation: 0, said: undefined };
const now = 1000;

describe('a declaration of a schedule', () => {
  it('holds where there is none', () => {
    expect(standingAfter(claim, { stored: undefined, isAlive: false, now })).toEqual({
      ...one,
      since: now,
      earlier: [],
    });
  });

  it('holds where it is the one that does, and keeps its place', () => {
    expect(standingAfter({ ...claim, fingerprint: 'two' }, { stored, isAlive: true, now })).toEqual(stored);
  });

  it('takes the place of another one where it is new', () => {
    const three = { ...claim, fingerprint: 'three' };
    expect(standingAfter(three, { stored, isAlive: true, now })).toEqual({
      fingerprint: 'three',
      generation: 0,
      since: now,
      earlier: [two, one],
    });
    // Also where the clock of the store went back.
    expect(standingAfter(three, { stored, isAlive: true, now: 50 })?.since).toBe(201);
  });

  it('is older where its process said so before the other one was said, whoever is left', () => {
    for (const isAlive of [true, false]) {
      expect(standingAfter({ ...claim, said: one }, { stored, isAlive, now })).toBeUndefined();
    }
  });

  it('is older where it held before and its process has started while those of the other one are there', () => {
    expect(standingAfter(claim, { stored, isAlive: true, now })).toBeUndefined();
  });

  it('is new again where its process starts when none of the other one is left', () => {
    expect(standingAfter(claim, { stored, isAlive: false, now })).toEqual({ ...one, since: now, earlier: [two] });
  });

  it('is new where its process has said something else before', () => {
    expect(standingAfter({ ...claim, said: two }, { stored, isAlive: true, now })).toEqual({
      ...one,
      since: now,
      earlier: [two],
    });
  });

  it('holds over all of a lower generation, and under all of a higher one', () => {
    const higher = { ...claim, generation: 1, said: one };
    expect(standingAfter(higher, { stored, isAlive: true, now })).toMatchObject({ fingerprint: 'one', generation: 1 });
    const lower = { ...stored, generation: 2 };
    expect(
      standingAfter({ ...higher, fingerprint: 'three', said: undefined }, { stored: lower, isAlive: false, now }),
    ).toBeUndefined();
    // Who says the same under a higher one raises it.
    expect(
      standingAfter({ ...claim, fingerprint: 'two', generation: 3 }, { stored: lower, isAlive: true, now }),
    ).toEqual({
      ...stored,
      generation: 3,
    });
  });

  it('finds its place again in a store that was emptied, whoever comes first', () => {
    const old = standingAfter({ ...claim, said: one }, { stored: undefined, isAlive: false, now });
    expect(old).toEqual({ ...one, earlier: [] });
    const fresh = { ...claim, fingerprint: 'two', said: two };
    expect(standingAfter(fresh, { stored: old, isAlive: true, now })).toEqual({ ...two, earlier: [one] });
    const first = standingAfter(fresh, { stored: undefined, isAlive: false, now });
    expect(standingAfter({ ...claim, said: one }, { stored: first, isAlive: true, now })).toBeUndefined();
  });

  it('is forgotten when ten others have held since', () => {
    let held = stored;
    for (let n = 0; n < 30; n += 1) {
      const next = standingAfter(
        { ...claim, fingerprint: `release ${n}` },
        { stored: held, isAlive: true, now: now + n },
      );
      if (next === undefined) throw new Error('It is new.');
      held = next;
    }
    expect(held.earlier).toHaveLength(10);
  });
});
