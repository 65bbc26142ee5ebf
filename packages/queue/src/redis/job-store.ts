import { RedisScript } from './script.ts';
import type { RedisQueueAccess } from './dead-letter-store.ts';
import type { JobState } from '../job/job-view.ts';
import type { JobListPage, JobListRequest, JobStore, ListedJob, ReadJob, StoredEvent } from '../port/job-store.ts';
import type { ListedState } from '../job/listed-states.ts';
import { StoredFields, withDamage } from '../job/stored-fields.ts';

const listScript = new RedisScript('list-jobs');
const readScript = new RedisScript('read-job');

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

/** A BullMQ worker takes a job, and then cannot go on with it, where one of these is there and no JSON. */
const parsedByWorkers = ['data', 'opts', 'progress', 'parent'] as const;

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

  async read(id: string, logLines: number): Promise<ReadJob | undefined> {
    const reply = await this.#access.run((client) => readScript.run(client, this.#access.prefix, [id, logLines]));
    if (reply === null) return undefined;
    const [state, hash, logs] = reply as [JobState, string[], string[]];
    const fields = pairs(hash);
    return {
      job: toListed(id, fields),
      state,
      isPrioritized: Number(fields['priority'] ?? 0) > 0,
      canRun: parsedByWorkers.every((field) => isJson(fields[field])),
      logs,
    };
  }

  async unlock(id: string): Promise<void> {
    await this.#access.run((client) => client.runCommand('del', [`${this.#access.prefix}${id}:lock`]));
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

function isJson(text: string | undefined): boolean {
  if (text === undefined || text === '') return true;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function pairs(list: readonly string[]): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let at = 0; at + 1 < list.length; at += 2) fields[list[at] ?? ''] = list[at + 1] ?? '';
  return fields;
}

/** From the hash of a job as BullMQ writes it. Other producers, and accidents, may have left out what they like. */
function toListed(id: string, hash: Readonly<Record<string, string>>): ListedJob {
  const fields = new StoredFields(hash);
  const { failedReason } = hash;
  const timestamp = fields.time('timestamp', 'createdAt') ?? 0;
  const processedOn = fields.has('processedOn') ? fields.time('processedOn', 'startedAt') : undefined;
  const finishedOn = fields.has('finishedOn') ? fields.time('finishedOn', 'finishedAt') : undefined;
  const attempts = ['attemptsMade', 'atm'].find((field) => fields.has(field));
  const job = {
    id,
    name: fields.text('name'),
    data: fields.json('data', {}),
    progress: fields.has('progress') ? fields.json('progress', 0) : 0,
    attemptsMade: attempts === undefined ? 0 : fields.count(attempts, 'attemptsMade'),
    timestamp,
    ...(processedOn !== undefined && { processedOn }),
    ...(finishedOn !== undefined && { finishedOn }),
    ...(failedReason !== undefined && { failedReason }),
    ...(fields.has('returnvalue') && { returnvalue: fields.json('returnvalue', null, 'result') }),
  };
  fields.object('opts');
  if (fields.has('stacktrace')) fields.json('stacktrace', []);
  return withDamage(job, fields);
}
