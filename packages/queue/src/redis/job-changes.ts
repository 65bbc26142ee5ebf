import type { RetentionRule } from '../job/define-queue.ts';
import type {
  JobChanges,
  RedriveStep,
  RemovalOrder,
  RemovalOutcome,
  RemovalStep,
  SweepAnswer,
  SweepOrder,
} from '../port/job-changes.ts';
import type { RedisQueueAccess } from './queue-access.ts';
import { RedisScript } from './script.ts';

/** What removes jobs: BullMQ's own scripts run inside, and files of local functions stand before. */
const removing = [
  ['moveToFinished', 'releaseParentIfNoPendingDependencies', 'removeJob'],
  ['bounded-work', 'server-time', 'fail-job', 'remove-job'],
  { makesRoom: true },
] as const;
const removeFromScript = new RedisScript('remove-jobs', ...removing);
const removeScript = new RedisScript('remove-these', removing[0], [...removing[1], 'job-state'], removing[2]);
const sweepScript = new RedisScript('sweep', ...removing);
const redriveScript = new RedisScript('redrive', 'reprocessJob', ['bounded-work', 'server-time']);
const promoteScript = new RedisScript('promote', 'promote');

/** One script a call. */
export class RedisJobChanges implements JobChanges {
  readonly #access: RedisQueueAccess;

  constructor(access: RedisQueueAccess) {
    this.#access = access;
  }

  async removeFrom({ state, limit, olderThanMs, from }: RemovalOrder): Promise<RemovalStep> {
    const key = state === 'waiting' ? 'wait' : state;
    const behind = from === undefined || from.id === '' ? [] : [from.place, from.id];
    const reply = await this.#run(removeFromScript, [key, limit, olderThanMs ?? '', from?.before ?? '', ...behind]);
    const [removed, end, before, place, id, remaining] = reply as [number, string, string, string, string, number];
    return { removed, remaining, ...(end === 'more' && { next: { before: Number(before), place, id } }) };
  }

  async remove(id: string): Promise<RemovalOutcome> {
    const [outcome] = (await this.#run(removeScript, ['', id])) as [RemovalOutcome];
    return outcome;
  }

  async removeDeadLetters(
    ids: readonly string[],
    olderThanMs: number,
  ): Promise<{ readonly removed: number; readonly looked: number }> {
    const outcomes = (await this.#run(removeScript, [olderThanMs, ...ids])) as (RemovalOutcome | 'other')[];
    return { removed: outcomes.filter((outcome) => outcome === 'removed').length, looked: outcomes.length };
  }

  async redrive(ids: readonly string[]): Promise<RedriveStep> {
    return this.#redrive(['', '', ...ids]);
  }

  async redriveOldest(limit: number, before: number | undefined): Promise<RedriveStep> {
    return this.#redrive([limit, before ?? '']);
  }

  async promote(id: string): Promise<boolean> {
    return (await this.#run(promoteScript, [id])) === 1;
  }

  async sweep({ sweeper, leaseMs, limit, retention }: SweepOrder): Promise<SweepAnswer> {
    const rules = [...ruleArgs(retention.completed), ...ruleArgs(retention.failed)];
    const reply = await this.#run(sweepScript, [sweeper, leaseMs, limit, ...rules]);
    const [elsewhere, removed, more] = reply as [number, number, number];
    return { elsewhere: elsewhere === 1, removed, more: more === 1 };
  }

  async #redrive(args: readonly (string | number)[]): Promise<RedriveStep> {
    const reply = (await this.#run(redriveScript, args)) as [number, number, string, number, ...string[]];
    const [redriven, remaining, before, looked, ...rest] = reply;
    const failed = [];
    for (let at = 0; at < rest.length; at += 2) {
      failed.push({ id: rest[at] ?? '', reason: rest[at + 1] === 'absent' ? ('absent' as const) : ('state' as const) });
    }
    return { redriven, failed, looked, remaining, before: Number(before) };
  }

  async #run(script: RedisScript, args: readonly (string | number)[]): Promise<unknown> {
    return this.#access.runInTime(script, args);
  }
}

function ruleArgs({ ageMs, count }: RetentionRule): (number | string)[] {
  return [ageMs ?? '', count ?? ''];
}
