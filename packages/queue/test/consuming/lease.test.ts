import { eventually, Latch } from '@holdfast/testing';
import { describe, expect, it } from 'vitest';
import type { GivenUpJob } from '../../src/consuming/given-up.ts';
import { Leases } from '../../src/consuming/leases.ts';
import type { Lease, LeasedJob, LeaseOutcome, LeaseTerms } from '../../src/consuming/lease.ts';
import { JobInterruptedError, PermanentError, RetryLaterError } from '../../src/job/errors.ts';

/** A store that only knows how often each job took its worker down. */
class Crashes {
  readonly crashes: Record<string, number>;
  readonly alone: string[] = [];
  readonly givenBack: string[] = [];
  isAway = false;

  constructor(crashes: Record<string, number>) {
    this.crashes = crashes;
  }

  async crashesOf(id: string): Promise<number> {
    return this.crashes[id] ?? 0;
  }

  async beginAlone(id: string): Promise<void> {
    this.alone.push(id);
  }

  async giveBack(id: string): Promise<boolean> {
    if (this.isAway) throw new Error('The store is away.');
    return this.givenBack.push(id) > 0;
  }
}

function useLeases({ crashes = {}, ...terms }: Partial<LeaseTerms> & { crashes?: Record<string, number> } = {}) {
  const store = new Crashes(crashes);
  const givenUp: GivenUpJob[] = [];
  const errors: Error[] = [];
  const leases = new Leases({
    queue: 'leased',
    timeoutMs: 60_000,
    maxCrashes: 5,
    store,
    onGivenUp: async (job) => void givenUp.push(job),
    mayBlock: undefined,
    onProgress: () => undefined,
    onError: (error) => void errors.push(error),
    ...terms,
  });
  const begin = (job: Partial<LeasedJob> = {}): Lease =>
    leases.begin({
      id: 'job',
      token: 'hf6000.me:1',
      name: 'leased',
      data: { n: 1 },
      attempt: 1,
      attempts: 3,
      wasLeft: false,
      dueAt: Date.now(),
      takenAt: Date.now(),
      timeoutMs: undefined,
      waitingTtlMs: undefined,
      backoff: undefined,
      redriven: 0,
      ...job,
    });
  return { leases, store, givenUp, errors, begin };
}

const failed = (outcome: LeaseOutcome): LeaseOutcome & { kind: 'failed' } => {
  if (outcome.kind !== 'failed') throw new Error(`It is ${outcome.kind}.`);
  return outcome;
};

describe('a lease', () => {
  it('ends with what the work returns, and counts as running until then', async () => {
    const { leases, begin } = useLeases();
    const done = new Latch();
    const running = begin().run(async () => done.wait().then(() => 'well'));
    expect(leases.list()).toEqual([{ id: 'job', token: 'hf6000.me:1' }]);
    done.open();
    expect(await running).toEqual({ kind: 'completed', result: 'well' });
    expect(leases.size).toBe(0);
  });

  it('says when the next attempt is made: by the policy of the job, or by what the work says', async () => {
    const { begin, givenUp } = useLeases();
    const backoff = { type: 'fixed', delayMs: 700 } as const;
    const first = failed(await begin({ backoff }).run(() => Promise.reject(new Error('no'))));
    expect(first).toMatchObject({ reason: 'JOB_FAILED: no', isLast: false, retryInMs: 700 });
    const later = new RetryLaterError('later', { delayMs: 9000 });
    expect(failed(await begin({ backoff }).run(() => Promise.reject(later)))).toMatchObject({ retryInMs: 9000 });
    expect(givenUp).toEqual([]);
  });

  it.each([
    { why: 'its last attempt fails', job: { attempt: 3 }, error: new Error('no'), reason: 'JOB_FAILED: no' },
    {
      why: 'no attempt can mend it',
      job: {},
      error: new PermanentError('never'),
      reason: 'JOB_FAILED: never',
    },
  ])('tells of a dead letter where $why', async ({ job, error, reason }) => {
    const { begin, givenUp } = useLeases();
    const outcome = failed(await begin(job).run(() => Promise.reject(error)));
    expect(outcome).toMatchObject({ isLast: true, reason });
    expect(givenUp).toMatchObject([{ id: 'job', queue: 'leased', attempts: job.attempt ?? 1, data: { n: 1 } }]);
  });

  it('ends at its timeout, whatever the work does', async () => {
    const { begin } = useLeases();
    const lease = begin({ timeoutMs: 1, attempt: 3 });
    const never = new Promise(() => undefined);
    expect(failed(await lease.run(() => never)).reason).toMatch(/^JOB_TIMEOUT: /);
    expect(lease.interruption.signal.aborted).toBe(true);
  });

  it('is not begun where the job has waited for too long', async () => {
    const { begin } = useLeases();
    let ran = 0;
    const work = (): void => void (ran += 1);
    const old = { waitingTtlMs: 1000, dueAt: Date.now() - 5000 };
    expect(failed(await begin(old).run(work)).reason).toMatch(/^JOB_EXPIRED: /);
    expect(ran).toBe(0);
    // One that has begun before was not too late then.
    expect(await begin({ ...old, attempt: 2 }).run(work)).toMatchObject({ kind: 'completed' });
    expect(await begin({ ...old, wasLeft: true }).run(work)).toMatchObject({ kind: 'completed' });
  });

  it('fails for good when it is cancelled, and only under the token of the run', async () => {
    const { leases, begin, givenUp } = useLeases();
    const running = begin().run(() => new Promise(() => undefined));
    leases.cancel({ id: 'job', token: 'hf6000.me:2' }, 'JOB_CANCELLED: another run');
    leases.cancel({ id: 'job', token: 'hf6000.me:1' }, 'JOB_CANCELLED: enough');
    expect(failed(await running)).toMatchObject({ reason: 'JOB_CANCELLED: enough', isLast: true });
    expect(givenUp).toHaveLength(1);
  });

  it('hands in nothing where somebody else has the job', async () => {
    const { leases, begin, givenUp } = useLeases();
    const running = begin().run(() => new Promise(() => undefined));
    leases.lose({ id: 'job', token: 'hf6000.me:1' });
    expect(await running).toEqual({ kind: 'lost' });
    expect(givenUp).toEqual([]);
  });

  it('gives the job back when the worker stops, and says where it could not', async () => {
    const { leases, store, begin } = useLeases();
    const running = begin().run(() => new Promise(() => undefined));
    leases.stop(new JobInterruptedError('The worker is stopping.'));
    expect(await running).toEqual({ kind: 'returned', isGivenBack: true });
    expect(store.givenBack).toEqual(['job']);
    store.isAway = true;
    expect(await begin().run(() => new Promise(() => undefined))).toEqual({ kind: 'returned', isGivenBack: false });
  });

  it('runs one job on its last life at a time, and has the others wait elsewhere', async () => {
    const { store, begin } = useLeases({ crashes: { poison: 4, other: 4, healthy: 3 } });
    const latch = new Latch();
    const run = async (id: string, work: () => Promise<void>): Promise<LeaseOutcome> =>
      begin({ id, token: `hf6000.me:${id}`, wasLeft: true }).run(work);
    const poison = run('poison', async () => latch.wait());
    await eventually(() => expect(store.alone).toEqual(['poison']));
    const postponed = await run('other', async () => undefined);
    expect(postponed).toEqual({ kind: 'postponed', inMs: expect.any(Number) });
    expect(await run('healthy', async () => undefined)).toMatchObject({ kind: 'completed' });
    latch.open();
    expect(await poison).toMatchObject({ kind: 'completed' });
    expect(await run('other', async () => undefined)).toMatchObject({ kind: 'completed' });
    expect(store.alone).toEqual(['poison', 'other']);
  });

  it('tells of a job that was failed instead of being run', async () => {
    const { leases, begin, givenUp } = useLeases();
    leases.failedUnrun({ ...begin().job, attempt: 2 }, 'JOB_CRASHED_WORKER: The worker died 5 times.');
    expect(givenUp).toMatchObject([{ attempts: 2, error: { code: 'JOB_CRASHED_WORKER' } }]);
  });
});
