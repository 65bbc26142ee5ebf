import { eventually, Latch, spawnNode } from '@holdfast/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { DeadlineWheel, Timed } from '../src/deadline-wheel.ts';

/** Notes when it expired, relative to its deadline. */
class Entry extends Timed {
  lateMs: number | undefined;
  times = 0;
  readonly #onExpire: () => void;

  constructor(onExpire: () => void = () => undefined) {
    super();
    this.#onExpire = onExpire;
  }

  override expire(): void {
    this.lateMs = performance.now() - this.deadlineAt;
    this.times += 1;
    this.#onExpire();
  }
}

/** So long this process is kept from listening. */
function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

describe('the wheel of deadlines', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  test('none of many thousand different ones fires early, and all within 100 ms', async () => {
    vi.useFakeTimers();
    const wheel = new DeadlineWheel();
    const count = 20_000;
    const entries = Array.from({ length: count }, () => new Entry());
    for (const [index, entry] of entries.entries()) {
      // 0 to 600 ms, fractions too, in no order.
      wheel.add(entry, performance.now() + ((index * 7919) % 60_000) / 100);
    }
    expect(wheel.size).toBe(count);
    await vi.advanceTimersByTimeAsync(700);
    const late = entries.map(({ lateMs }) => lateMs ?? Infinity);
    expect(Math.min(...late)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...late)).toBeLessThan(100);
    expect(entries.every(({ times }) => times === 1)).toBe(true);
    expect(wheel.size).toBe(0);
  });

  test('what was removed never fires, whoever its neighbours were', async () => {
    const wheel = new DeadlineWheel();
    const deadlineAt = performance.now() + 30;
    const entries = Array.from({ length: 100 }, () => new Entry());
    for (const entry of entries) wheel.add(entry, deadlineAt);
    for (const [index, entry] of entries.entries()) {
      if (index % 3 !== 0) expect(wheel.remove(entry)).toBe(true);
    }
    expect(entries[1] && wheel.remove(entries[1])).toBe(false);
    await eventually(() => expect(wheel.size).toBe(0));
    expect(entries.map(({ times }) => times)).toEqual(entries.map((_, index) => (index % 3 === 0 ? 1 : 0)));
  });

  test('one that fires may remove the others of its time, and add new ones', async () => {
    const wheel = new DeadlineWheel();
    const deadlineAt = performance.now() + 20;
    const added = new Latch();
    const second = new Entry();
    const first = new Entry(() => {
      wheel.remove(second);
      wheel.add(new Entry(added.open), performance.now() - 1000);
    });
    wheel.add(first, deadlineAt);
    wheel.add(second, deadlineAt);
    await added.wait();
    expect([first.times, second.times]).toEqual([1, 0]);
  });

  test('a deadline that is longer than the wheel goes round waits for its own round', async () => {
    const wheel = new DeadlineWheel();
    const startedAt = performance.now();
    const far = new Entry();
    // Twice round and a little: its place comes by with that of the near one.
    wheel.add(far, startedAt + 2 * 10_240 + 20);
    const passed = new Latch();
    wheel.add(new Entry(passed.open), startedAt + 20);
    await passed.wait();
    expect(far.times).toBe(0);
    expect(wheel.remove(far)).toBe(true);
  });

  test('what has arrived while the process did not listen counts', async () => {
    const wheel = new DeadlineWheel();
    const { port1, port2 } = new MessageChannel();
    const entry = new Entry();
    const arrived = new Promise<boolean>((resolve) => {
      port2.on('message', () => resolve(wheel.remove(entry)));
    });
    // After an immediate, timers are the next to run. Nothing that follows lets them, until the process listens again.
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    wheel.add(entry, performance.now() + 20);
    port1.postMessage('the reply');
    block(60);
    expect(await arrived).toBe(true);
    expect(entry.times).toBe(0);
    port1.close();
  });

  test('ticks only while something waits', async () => {
    const wheel = new DeadlineWheel();
    const entry = new Entry();
    expect(wheel.isTicking).toBe(false);
    wheel.add(entry, performance.now() + 60_000);
    expect(wheel.isTicking).toBe(true);
    wheel.remove(entry);
    await eventually(() => expect(wheel.isTicking).toBe(false));
    const again = new Latch();
    wheel.add(new Entry(again.open), performance.now() + 20);
    await again.wait();
    await eventually(() => expect(wheel.isTicking).toBe(false));
  });

  test('does not keep the process alive', async () => {
    const user = spawnNode(new URL('processes/deadline-user.ts', import.meta.url));
    expect(await user.exited).toMatchObject({ code: 0 });
    expect(user.lines).toEqual(['waits: 1']);
  });
});
