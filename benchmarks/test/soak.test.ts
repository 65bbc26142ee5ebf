import { text } from 'node:stream/consumers';
import { getHeapSnapshot } from 'node:v8';
import { describe, expect, it } from 'vitest';
import { growthBetween } from '../soak/growth.ts';
import { constructorsIn } from '../soak/heap-snapshot.ts';
import { Metrics } from '../soak/reading.ts';
import { areaOf } from '../soak/redis-keys.ts';
import { Tally } from '../soak/tally.ts';

const MiB = 1024 * 1024;

describe('what a soak calls growth', () => {
  it('is more than chance: by an amount and by a part, the largest first', () => {
    const before = {
      heapBytes: 100 * MiB,
      'heap of Timeout, bytes': 1000,
      'heap of Job, bytes': 5 * MiB,
      sockets: 20,
      'keys of cache': 1000,
    };
    const after = {
      heapBytes: 109 * MiB,
      'heap of Timeout, bytes': MiB,
      'heap of Job, bytes': 6 * MiB,
      sockets: 25,
      'keys of cache': 1100,
    };
    expect(growthBetween(before, after).map(({ of }) => of)).toEqual(['heap of Timeout, bytes', 'sockets']);
  });

  it('is also what was not there before', () => {
    expect(growthBetween({}, { 'keys of forgotten': 1000 })).toEqual([
      { of: 'keys of forgotten', before: 0, after: 1000 },
    ]);
  });
});

describe('a heap snapshot', () => {
  it('tells what the objects of a class take', async () => {
    class LeakedThing {
      readonly text = Math.random();
      readonly other = Math.random();
    }
    const things = Array.from({ length: 10_000 }, () => new LeakedThing());
    const constructors = constructorsIn(await text(getHeapSnapshot()));
    expect(constructors.get('LeakedThing')).toBeGreaterThan(things.length * 16);
    expect(constructors.get('(string)')).toBeGreaterThan(0);
  });
});

describe('the area of a key', () => {
  it.each([
    ['holdfast:cache:prompts:key-7', 'cache:prompts'],
    ['holdfast:jobs:{mail}:mail:17', 'jobs:mail:<job>'],
    ['holdfast:jobs:{mail}:mail:17:lock', 'jobs:mail:<job>:lock'],
    ['holdfast:jobs:{mail}:mail:completed', 'jobs:mail:completed'],
    ['holdfast:jobs:{mail}:mail:once:abc', 'jobs:mail:once'],
    ['holdfast:folders', 'folders'],
  ])('of %s is %s', (key, area) => expect(areaOf(key)).toBe(area));
});

describe('the tally of a soak', () => {
  it('awaits what was promised, also where it arrives before the promise', () => {
    const tally = new Tally();
    tally.promise('late');
    tally.arrive('early');
    tally.promise('early');
    expect(tally.awaited).toBe(1);
    tally.arrive('late');
    tally.arrive('late');
    expect([tally.awaited, tally.promises]).toEqual([0, 2]);
  });
});

describe('a scrape', () => {
  it('is summed up by name and labels', () => {
    const metrics = new Metrics(
      '# HELP x y\nx_total{route="/a",outcome="answered"} 2\nx_total{route="/b",outcome="failed"} 3\nx_total 4\n',
    );
    expect(metrics.sum('x_total')).toBe(9);
    expect(metrics.sum('x_total', (labels) => labels.includes('"failed"'))).toBe(3);
    expect(metrics.sum('y_total')).toBe(0);
  });
});
