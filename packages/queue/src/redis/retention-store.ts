import { RedisScript } from './script.ts';
import type { RedisQueueAccess } from './dead-letter-store.ts';
import type { RetentionRule } from '../job/define-queue.ts';
import type { RetentionStore, SweepAnswer, SweepOrder } from '../port/retention-store.ts';

const script = new RedisScript('sweep', 'removeJob', ['server-time']);

export class RedisRetentionStore implements RetentionStore {
  readonly #access: RedisQueueAccess;

  constructor(access: RedisQueueAccess) {
    this.#access = access;
  }

  async sweep({ sweeper, leaseMs, limit, retention }: SweepOrder): Promise<SweepAnswer> {
    const args = [sweeper, leaseMs, limit, ...ruleArgs(retention.completed), ...ruleArgs(retention.failed)];
    const reply = await this.#access.run((client) => script.run(client, this.#access.prefix, args));
    const [elsewhere, removed, more] = reply as [number, number, number];
    return { elsewhere: elsewhere === 1, removed, more: more === 1 };
  }
}

function ruleArgs({ ageMs, count }: RetentionRule): (number | string)[] {
  return [ageMs ?? '', count ?? ''];
}
