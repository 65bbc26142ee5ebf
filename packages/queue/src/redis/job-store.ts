import { RedisScript } from './script.ts';
import type { RedisQueueAccess } from './queue-access.ts';
import type { JobState } from '../job/job-view.ts';
import {
  perCall,
  type JobListPage,
  type JobListRequest,
  type JobStore,
  type ListedJob,
  type Looks,
  type ReadJob,
  type StoredEvent,
  type StoredEvents,
} from '../port/job-store.ts';
import type { ListedState } from '../job/listed-states.ts';
import { StoredFields, withDamage } from '../job/stored-fields.ts';

const listScript = new RedisScript('list-jobs');
const readScript = new RedisScript('read-job', [], ['job-state', 'newest-event']);
const lookScript = new RedisScript('look-at-jobs', [], ['job-state', 'newest-event']);
const eventsScript = new RedisScript('read-events');

/** Behind this are all events. */
const noEvent = '0-0';
/** More jobs than any queue runs at a time: their ids alone are read at once. */
const maxActive = 20_000;

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

type ListReply = [
  end: 'more' | 'end',
  place: string,
  id: string,
  looked: number,
  bytes: number,
  ...jobs: [id: string, hash: string[]][],
];

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
    const most = [
      Math.min(limit, perCall.listedJobs),
      Math.min(lookups, perCall.lookups),
      Math.min(maxBytes, perCall.listedBytes),
    ];
    const where =
      state === 'active' ? await this.#activeBehind(after?.id) : after === undefined ? [] : [after.place, after.id];
    const reply = await this.#run(listScript, [...kept[state], ...most, name, ...where]);
    const [end, place, id, looked, bytes, ...jobs] = reply as ListReply;
    return {
      jobs: jobs.map(([jobId, hash]) => toListed(jobId, pairs(hash))),
      looked,
      bytes,
      ...(end === 'more' && { next: { place, id } }),
    };
  }

  /** The jobs that run leave their list anywhere: so they are listed by their ids. Not more of them than are looked at. */
  async #activeBehind(after: string | undefined): Promise<string[]> {
    const ids = await this.#access.run(
      async (client) =>
        (await client.runCommand('lrange', [`${this.#access.prefix}active`, 0, maxActive - 1])) as string[],
    );
    const behind = after === undefined ? ids : ids.filter((id) => id > after);
    return behind.toSorted((a, b) => (a < b ? -1 : 1)).slice(0, perCall.lookups + 1);
  }

  async read(id: string, logLines: number): Promise<ReadJob | undefined> {
    const reply = await this.#run(readScript, [id, logLines]);
    if (reply === null) return undefined;
    const [state, hash, logs, eventId] = reply as [JobState, string[], string[], string];
    const fields = pairs(hash);
    return {
      job: toListed(id, fields),
      state,
      isPrioritized: Number(fields['priority'] ?? 0) > 0,
      canRun: parsedByWorkers.every((field) => isJson(fields[field])),
      logs,
      eventId: eventId || noEvent,
    };
  }

  async look(ids: readonly string[], withLog: number): Promise<Looks> {
    const [eventId = '', ...found] = (await this.#run(lookScript, [withLog, ...ids])) as string[];
    return {
      eventId: eventId || noEvent,
      jobs: ids.map((_, at) => ({ state: (found[2 * at] || 'unknown') as JobState, logMark: found[2 * at + 1] ?? '' })),
    };
  }

  async unlock(id: string): Promise<void> {
    await this.#access.change((client) => client.runCommand('del', [`${this.#access.prefix}${id}:lock`]));
  }

  async lastEventId(): Promise<string> {
    return (await this.look([], 0)).eventId;
  }

  isEventId(id: string): boolean {
    return /^\d{1,18}(-\d{1,18})?$/.test(id);
  }

  async eventsAfter(after: string): Promise<StoredEvents> {
    const reply = await this.#run(eventsScript, [after, perCall.events, perCall.eventBytes]);
    const [end, ...events] = reply as [end: 'more' | 'end', ...events: StreamEntry[]];
    return { events: events.map(toStoredEvent), more: end === 'more' };
  }

  async #run(script: RedisScript, args: readonly (string | number)[]): Promise<unknown> {
    return this.#access.run((client) => script.run(client, this.#access.prefix, args));
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

/** As streams have them. */
export type StreamEntry = readonly [id: string, fields: readonly string[]];

export function toStoredEvent([id, fields]: StreamEntry): StoredEvent {
  return { id, fields: pairs(fields) };
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
    ...(fields.has('stacktrace') && { stacks: fields.json('stacktrace', []) }),
  };
  fields.object('opts');
  return withDamage(job, fields);
}
