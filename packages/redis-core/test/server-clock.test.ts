import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ServerClock } from '../src/server-clock.ts';

/** A server whose clock is ahead by `aheadMs`, over a network with the given delays. */
class World {
  local = 1000;
  aheadMs: number;
  readonly clock: ServerClock;

  constructor(aheadMs: number) {
    this.aheadMs = aheadMs;
    this.clock = new ServerClock(() => this.local);
  }

  get server(): number {
    return this.local + this.aheadMs;
  }

  ask(thereMs: number, backMs: number): void {
    const sentAt = this.local;
    this.local += thereMs;
    const { server } = this;
    this.local += backMs;
    this.clock.measure(sentAt, this.local, server);
  }
}

describe('the clock of the server', () => {
  test("is this machine's until it was measured", () => {
    const clock = new ServerClock();
    expect(clock.isMeasured).toBe(false);
    const before = Date.now();
    const now = clock.now();
    expect(now).toBeGreaterThanOrEqual(before);
    expect(now).toBeLessThanOrEqual(Date.now());
  });

  test('is wrong by half of the shortest round trip at most, however the network is', () => {
    const delay = fc.double({ min: 0, max: 400, noNaN: true });
    fc.assert(
      fc.property(
        fc.integer({ min: -60_000, max: 60_000 }),
        fc.array(fc.tuple(delay, delay), { minLength: 1, maxLength: 8 }),
        (aheadMs, trips) => {
          const world = new World(aheadMs);
          for (const [there, back] of trips) world.ask(there, back);
          const shortest = Math.min(...trips.map(([there, back]) => there + back));
          expect(Math.abs(world.clock.now() - world.server)).toBeLessThanOrEqual(shortest / 2 + 0.51);
        },
      ),
    );
  });

  test('one slow answer among quick ones changes nothing', () => {
    const world = new World(5000);
    world.ask(1, 1);
    world.ask(0, 900);
    world.ask(1, 1);
    expect(Math.abs(world.clock.now() - world.server)).toBeLessThanOrEqual(1);
  });

  test('follows a server whose clock was set, and another server, at once', () => {
    const world = new World(0);
    for (let count = 0; count < 8; count += 1) world.ask(0.1, 0.1);
    world.aheadMs = -30_000;
    world.ask(2, 2);
    expect(Math.abs(world.clock.now() - world.server)).toBeLessThanOrEqual(2);
  });
});
