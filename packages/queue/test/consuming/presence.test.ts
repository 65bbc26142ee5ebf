import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Presence, type PresentWorker, type WorkerPresence } from '../../src/consuming/presence.ts';
import type { Beat, BeatReply, Beats } from '../../src/port/beat.ts';
import type { HeldJob } from '../../src/port/worker-registry.ts';

const times = { heartbeatMs: 20_000, ttlMs: 60_000 };
const job: HeldJob = { id: 'job', token: 'hf60000.me/1:1' };

/** Answers each beat when the test says so, or at once. */
class Store implements Beats {
  readonly beats: Beat[] = [];
  readonly left: [string, boolean][] = [];
  own: HeldJob[] = [];
  /** What the next beat waits for. */
  held: Promise<void> | undefined;
  broken = false;
  isClosed = false;

  async beat(beat: Beat): Promise<BeatReply> {
    this.beats.push(beat);
    const { own, held } = this;
    await held;
    if (this.broken) throw new Error('cut off');
    const nothing = { lost: [], superseded: [], cancelled: [], rescued: [], lookedAt: 0 };
    const queues = beat.queues.map(() => ({ ...nothing, own: beat.everything ? own : [] }));
    return { dueMs: undefined, healthyMs: 60_000, queues };
  }

  async leave(workerId: string, holdsJobs: boolean): Promise<void> {
    this.left.push([workerId, holdsJobs]);
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

describe('the heartbeat of a process', () => {
  let store: Store;
  let presence: Presence;
  let worker: WorkerPresence;
  let ended = 0;
  const known: HeldJob[] = [];
  const givenBack: HeldJob[] = [];
  const present = (queue: string): PresentWorker => ({
    queue,
    prefix: 'jobs',
    crashLimit: 3,
    held: () => known,
    giveBack: async (given) => {
      givenBack.push(given);
      store.own = store.own.filter(({ id }) => id !== given.id);
    },
    onReply: () => undefined,
    onError: () => undefined,
  });

  beforeEach(async () => {
    vi.useFakeTimers();
    known.length = 0;
    givenBack.length = 0;
    ended = 0;
    store = new Store();
    presence = new Presence({ openBeats: () => store, times, onEnd: () => (ended += 1) });
    worker = presence.enter();
    worker.begin(present('first'));
    await vi.advanceTimersByTimeAsync(0);
    expect(store.beats).toHaveLength(1);
  });
  afterEach(async () => {
    known.length = 0;
    await worker.leave();
    vi.useRealTimers();
  });

  it('is one for all its workers, which have lock tokens of their own', async () => {
    const other = presence.enter();
    expect([worker.workerId, other.workerId]).toEqual([`${presence.processId}/1`, `${presence.processId}/2`]);
    other.begin(present('second'));
    await vi.advanceTimersByTimeAsync(0);
    await other.registered;
    expect(store.beats).toHaveLength(2);
    expect(store.beats[1]?.queues.map(({ name }) => name)).toEqual(['first', 'second']);
    await other.leave();
    expect([store.left, store.isClosed, ended]).toEqual([[], false, 0]);
    await worker.leave();
    expect([store.left, store.isClosed, ended]).toEqual([[[presence.processId, false]], true, 1]);
  });

  it('renews the locks of its jobs every 15 s, by a clock that nobody sets', async () => {
    known.push(job);
    vi.setSystemTime(Date.now() - 3_600_000);
    await vi.advanceTimersByTimeAsync(40_000);
    expect(store.beats.map(({ renews }) => renews)).toEqual(['named', 'named', 'named']);
    presence.hurry();
    await vi.advanceTimersByTimeAsync(0);
    expect(store.beats[3]).toMatchObject({ renews: 'none', queues: [{ held: [job] }] });
  });

  it('ends with jobs that it gives back', async () => {
    known.push(job);
    await worker.leave();
    expect(givenBack).toEqual([job]);
  });

  it('comes at its time, or now', async () => {
    await vi.advanceTimersByTimeAsync(19_999);
    expect(store.beats).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(store.beats).toHaveLength(2);
    presence.hurry();
    await vi.advanceTimersByTimeAsync(0);
    expect(store.beats).toHaveLength(3);
  });

  it('comes again when it is asked for while one is under way, which may have looked before', async () => {
    const reply = Promise.withResolvers<void>();
    store.held = reply.promise;
    presence.hurry();
    await vi.advanceTimersByTimeAsync(0);
    store.held = undefined;
    presence.hurry();
    presence.hurry();
    await vi.advanceTimersByTimeAsync(100);
    expect(store.beats).toHaveLength(2);
    reply.resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect(store.beats).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(19_000);
    expect(store.beats).toHaveLength(3);
  });

  it('is tried again soon, not at once, when it fails', async () => {
    store.broken = true;
    presence.hurry();
    await vi.advanceTimersByTimeAsync(0);
    presence.hurry();
    await vi.advanceTimersByTimeAsync(0);
    expect(store.beats).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(499);
    expect(store.beats).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(1);
    expect(store.beats).toHaveLength(4);
    expect(store.beats[3]).toMatchObject({ everything: true });
  });

  describe('after its connection was lost', () => {
    it('gives back a job that was fetched and never came, once it is no reply under way', async () => {
      store.own = [job];
      presence.lookAround();
      await vi.advanceTimersByTimeAsync(0);
      expect(store.beats[1]).toMatchObject({ everything: true });
      // The connection was lost once more: two looks, but no time has passed.
      presence.lookAround();
      await vi.advanceTimersByTimeAsync(5999);
      expect(givenBack).toEqual([]);
      await vi.advanceTimersByTimeAsync(1);
      expect(givenBack).toEqual([job]);
      const beats = store.beats.length;
      await vi.advanceTimersByTimeAsync(19_000);
      expect(store.beats).toHaveLength(beats);
    });

    it('keeps a job that came late', async () => {
      store.own = [job];
      presence.lookAround();
      await vi.advanceTimersByTimeAsync(1000);
      known.push(job);
      await vi.advanceTimersByTimeAsync(120_000);
      expect(givenBack).toEqual([]);
    });

    it('looks when that happens during a look, too', async () => {
      const reply = Promise.withResolvers<void>();
      store.held = reply.promise;
      presence.lookAround();
      await vi.advanceTimersByTimeAsync(0);
      store.held = undefined;
      presence.lookAround();
      reply.resolve();
      await vi.advanceTimersByTimeAsync(0);
      expect(store.beats.map(({ everything }) => everything)).toEqual([true, true, true]);
    });
  });
});
