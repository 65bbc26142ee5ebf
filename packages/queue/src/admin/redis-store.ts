import { RedisScript } from '../backends/redis-script.ts';
import type { RedisQueueAccess } from '../dead-letters/redis-store.ts';
import type { JobListPage, JobListRequest, JobStore, ListedJob, StoredEvent } from './job-store.ts';
import type { ListedState } from './listed-states.ts';
import { parseStored } from './stored-json.ts';

const listScript = new RedisScript('list-jobs');

/** Where BullMQ keeps a state, and in which order it is listed: those that run next first, those that ended last first. */
const kept: Readonly<Record<ListedState, readonly [key: string, order: 'up' | 'down' | 'fifo' | 'ids']>> = {
  active: ['active', 'ids'],
  waiting: ['wait', 'fifo'],
  prioritized: ['prioritized', 'up'],
  delayed: ['delayed', 'up'],
  'waiting-children': ['waiting-children', 'up'],
  failed: ['failed', 'down'],
  completed: ['completed', 'down'],
};

type ListReply = [end: 'more' | 'end', place: string, id: string, ...jobs: [id: string, hash: string[]][]];

/** One command a call. */
export class RedisJobStore implements JobStore {
  readonly #access: RedisQueueAccess;

  constructor(access: RedisQueueAccess) {
    this.#access = access;
  }

  /** A score, or a distance. */
  isPlace(place: string): boolean {
    return /^-?\d{1,20}(\.\d{1,20})?$/.test(place);
  }

  async list({ state, after, limit, lookups, maxBytes, name = '' }: JobListRequest): Promise<JobListPage> {
    const behind = after === undefined ? [] : [after.place, after.id];
    const args = [...kept[state], limit, lookups, maxBytes, name, ...behind];
    const reply = await this.#access.run((client) => listScript.run(client, this.#access.prefix, args));
    const [end, place, id, ...jobs] = reply as ListReply;
    return {
      jobs: jobs.map(([jobId, hash]) => toListed(jobId, pairs(hash))),
      ...(end === 'more' && { next: { place, id } }),
    };
  }

  async lastEventId(): Promise<string> {
    const [newest] = await this.#stream('xrevrange', '+', '-', 1);
    return newest?.id ?? '0-0';
  }

  isEventId(id: string): boolean {
    return /^\d{1,18}(-\d{1,18})?$/.test(id);
  }

  async eventsAfter(after: string, limit: number): Promise<StoredEvent[]> {
    return this.#stream('xrange', `(${after}`, '+', limit);
  }

  async #stream(command: 'xrange' | 'xrevrange', from: string, to: string, count: number): Promise<StoredEvent[]> {
    return this.#access.run(async (client) => {
      const streams = client as unknown as Record<
        typeof command,
        (...args: (string | number)[]) => Promise<[id: string, fields: string[]][]>
      >;
      const entries = await streams[command](`${this.#access.prefix}events`, from, to, 'COUNT', count);
      return entries.map(([id, fields]) => ({ id, fields: pairs(fields) }));
    });
  }
}

function pairs(list: readonly string[]): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let at = 0; at + 1 < list.length; at += 2) fields[list[at] ?? ''] = list[at + 1] ?? '';
  return fields;
}

/** From the hash of a job as BullMQ writes it; fields of other producers may be missing. */
function toListed(id: string, fields: Readonly<Record<string, string | undefined>>): ListedJob {
  const { failedReason } = fields;
  return {
    id,
    name: fields['name'] ?? '',
    data: parseStored(fields['data'] ?? '{}'),
    progress: parseStored(fields['progress'] ?? '0'),
    attemptsMade: Number(fields['atm'] ?? fields['attemptsMade'] ?? 0),
    timestamp: Number(fields['timestamp'] ?? 0),
    ...(fields['processedOn'] !== undefined && { processedOn: Number(fields['processedOn']) }),
    ...(fields['finishedOn'] !== undefined && { finishedOn: Number(fields['finishedOn']) }),
    ...(failedReason !== undefined && { failedReason }),
    ...(fields['returnvalue'] !== undefined && { returnvalue: parseStored(fields['returnvalue']) }),
  };
}
