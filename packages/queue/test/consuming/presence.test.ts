import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Presence } from '../../src/consuming/presence.ts';
import type { Beat, BeatReply, HeldJob, WorkerRegistry } from '../../src/port/worker-registry.ts';

const times = { heartbeatMs: 20_000, ttlMs: 60_000 };
const job: HeldJob = { id: 'job', token: 'hf60000.me:1' };

/** Answers each beat when the test says so, or at once. */
class Registry implements WorkerRegistry {
  readonly beats: Beat[] = [];
  readonly givenBack: HeldJob[] = [];
  own: HeldJob[] = [];
  /** What the next beat waits for. */
  held: Promise<void> | undefined;
  broken = false;

  async beat(beat: Beat): Promise<BeatReply> {
    this.beats.push(beat);
    const { own, held } = this;
    await held;
    if (this.broken) throw new Error('cut off');
    return { link: '1', dueMs: undefined, lost: [], cancelled: [], rescued: [], own: beat.everything ? own : [] };
  }

  async giveBack(id: string, token: string): Promise<boolean> {
    this.givenBack.push({ id, token });
    this.own = this.own.filter((other) => other.id !== id);
    return true;
  }

  async leave(): Promise<void> {}
  async crashesOf(): Promise<number> {
    return 0;
  }
  async beginAlone(): Promise<void> {}
  async cancel(): Promise<'missing'> {
    return 'missing';
  }
}

describe('the heartbeat of a worker', () => {
  let registry: Registry;
  let presence: Presence;
  const known = new Set<string>();

  beforeEach(async () => {
    vi.useFakeTimers();
    known.clear();
    registry = new Registry();
    presence = new Presence({
      registry,
      workerId: 'hf60000.me',
      times,
      crashLimit: 3,
      running: () => [],
      holds: ({ id }) => known.has(id),
      onReply: () => undefined,
      onError: () => undefined,
    });
    presence.start();
    await vi.advanceTimersByTimeAsync(0);
    expect(registry.beats).toHaveLength(1);
  });
  afterEach(async () => {
    await presence.stop();
    vi.useRealTimers();
  });

  it('comes at its time, or now', async () => {
    await vi.advanceTimersByTimeAsync(19_999);
    expect(registry.beats).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(registry.beats).toHaveLength(2);
    presence.hurry();
    await vi.advanceTimersByTimeAsync(0);
    expect(registry.beats).toHaveLength(3);
  });

  it('comes again when it is asked for while one is under way, which may have looked before', async () => {
    const reply = Promise.withResolvers<void>();
    registry.held = reply.promise;
    presence.hurry();
    await vi.advanceTimersByTimeAsync(0);
    registry.held = undefined;
    presence.hurry();
    presence.hurry();
    await vi.advanceTimersByTimeAsync(100);
    expect(registry.beats).toHaveLength(2);
    reply.resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect(registry.beats).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(19_000);
    expect(registry.beats).toHaveLength(3);
  });

  it('is tried again soon, not at once, when it fails', async () => {
    registry.broken = true;
    presence.hurry();
    await vi.advanceTimersByTimeAsync(0);
    presence.hurry();
    await vi.advanceTimersByTimeAsync(0);
    expect(registry.beats).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(499);
    expect(registry.beats).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(1);
    expect(registry.beats).toHaveLength(4);
    expect(registry.beats[3]).toMatchObject({ link: 'broken', everything: true });
  });

  describe('after its connection was lost', () => {
    it('gives back a job that was fetched and never came, once it is no reply under way', async () => {
      registry.own = [job];
      presence.lookAround();
      await vi.advanceTimersByTimeAsync(0);
      expect(registry.beats[1]).toMatchObject({ everything: true });
      // The connection was lost once more: two looks, but no time has passed.
      presence.lookAround();
      await vi.advanceTimersByTimeAsync(5999);
      expect(registry.givenBack).toEqual([]);
      await vi.advanceTimersByTimeAsync(1);
      expect(registry.givenBack).toEqual([job]);
      const beats = registry.beats.length;
      await vi.advanceTimersByTimeAsync(19_000);
      expect(registry.beats).toHaveLength(beats);
    });

    it('keeps a job that came late', async () => {
      registry.own = [job];
      presence.lookAround();
      await vi.advanceTimersByTimeAsync(1000);
      known.add(job.id);
      await vi.advanceTimersByTimeAsync(120_000);
      expect(registry.givenBack).toEqual([]);
    });

    it('looks when that happens during a look, too', async () => {
      const reply = Promise.withResolvers<void>();
      registry.held = reply.promise;
      presence.lookAround();
      await vi.advanceTimersByTimeAsync(0);
      registry.held = undefined;
      presence.lookAround();
      reply.resolve();
      await vi.advanceTimersByTimeAsync(0);
      expect(registry.beats.map(({ everything }) => everything)).toEqual([true, true, true]);
    });
  });
});
