import type { EmbeddedQueueAccess } from './queue-access.ts';
import type { JobState } from '../job/job-view.ts';
import {
  perCall,
  type JobListPage,
  type JobListRequest,
  type JobStore,
  type ListedJob,
  type Looks,
  type ReadJob,
  type StoredEvents,
} from '../port/job-store.ts';
import type { ListedState } from '../job/listed-states.ts';
import { StoredFields, withDamage } from '../job/stored-fields.ts';

type Row = Readonly<Record<string, unknown>>;

/** Which rows are in a state, and by which two numbers they are listed: as on Redis, next to run or last to end first. */
const kept: Readonly<Record<ListedState, readonly [where: string, first: string, second: string, isUp: boolean]>> = {
  active: [`state = 'active'`, '0::bigint', '0::bigint', true],
  waiting: [`state = 'waiting' AND priority = 0`, '0::bigint', 'seq', true],
  prioritized: [`state = 'waiting' AND priority > 0`, 'priority', 'seq', true],
  delayed: [`state = 'delayed'`, 'process_at_ms', '0::bigint', true],
  'waiting-children': [`state = 'waiting-children'`, '0::bigint', 'seq', true],
  failed: [`state = 'failed'`, 'finished_at_ms', '0::bigint', false],
  completed: [`state = 'completed'`, 'finished_at_ms', '0::bigint', false],
};

/** On the tables of BullMQ. */
export class EmbeddedJobStore implements JobStore {
  readonly #access: EmbeddedQueueAccess;

  constructor(access: EmbeddedQueueAccess) {
    this.#access = access;
  }

  /** Two numbers. */
  isPlace(place: string): boolean {
    return /^-?\d{1,18},-?\d{1,18}$/.test(place);
  }

  async list(request: JobListRequest): Promise<JobListPage> {
    const { state, after, name } = request;
    const limit = Math.min(request.limit, perCall.listedJobs);
    const lookups = Math.min(request.lookups, perCall.lookups);
    const maxBytes = Math.min(request.maxBytes, perCall.listedBytes);
    // Without a name every job that is looked at is on the page.
    const wanted = name === undefined ? limit : lookups;
    const [first = '0', second = '0'] = after?.place.split(',') ?? [];
    const behind = after === undefined ? [] : [first, second, after.id];
    const rows = await this.#query(listSql(state, after !== undefined), [
      this.#access.name,
      wanted + 1,
      name ?? null,
      ...behind,
    ]);
    const jobs: ListedJob[] = [];
    let bytes = 0;
    let looked = 0;
    let last: Row | undefined;
    for (const row of rows) {
      if (jobs.length === limit || bytes >= maxBytes || (last !== undefined && row === rows[wanted])) break;
      last = row;
      looked += 1;
      if (row['wanted'] !== true) continue;
      bytes += Number(row['bytes']);
      jobs.push(toListed(row));
    }
    if (last === undefined || last === rows.at(-1)) return { jobs, looked, bytes };
    return {
      jobs,
      looked,
      bytes,
      next: { place: `${String(last['first'])},${String(last['second'])}`, id: String(last['id']) },
    };
  }

  async read(id: string, logLines: number): Promise<ReadJob | undefined> {
    const [row] = await this.#query(readSql, [this.#access.name, id, logLines]);
    if (row === undefined) return undefined;
    const logs = Array.isArray(row['logs']) ? row['logs'].map(String) : [];
    const isPrioritized = Number(row['priority']) > 0;
    const eventId = String(row['event_id']);
    return { job: toListed(row), state: stateOf(row), isPrioritized, canRun: true, logs, eventId };
  }

  async look(ids: readonly string[], withLog: number): Promise<Looks> {
    const rows = await this.#query(lookSql, [this.#access.name, ids, ids.slice(0, withLog)]);
    const found = new Map(rows.map((row) => [row['id'], row]));
    return {
      eventId: textOf(rows[0]?.['event_id'], '0'),
      jobs: ids.map((id) => {
        const row = found.get(id);
        if (row === undefined) return { state: 'unknown', logMark: '' };
        return { state: stateOf(row), logMark: textOf(row['log_mark'], '') };
      }),
    };
  }

  /** Its columns are JSON: there is no job that nobody can run. */
  async unlock(): Promise<void> {}

  async lastEventId(): Promise<string> {
    const [row] = await this.#query('SELECT COALESCE(MAX(id), 0)::text AS id FROM event WHERE queue = $1', [
      this.#access.name,
    ]);
    return typeof row?.['id'] === 'string' ? row['id'] : '0';
  }

  isEventId(id: string): boolean {
    return /^\d{1,18}$/.test(id);
  }

  async eventsAfter(after: string): Promise<StoredEvents> {
    const rows = await this.#query(eventsSql, [this.#access.name, after, perCall.events, perCall.eventBytes]);
    const events = rows.map((row) => {
      const fields: Record<string, string> = { event: String(row['event']) };
      for (const [field, value] of Object.entries(row['data'] ?? {})) {
        fields[field] = typeof value === 'string' ? value : JSON.stringify(value);
      }
      return { id: String(row['id']), fields };
    });
    return { events, more: rows.at(-1)?.['more'] === true };
  }

  async #query(text: string, params: readonly unknown[]): Promise<Row[]> {
    return this.#access.run(async (pool) => (await pool.query(text, params)).rows);
  }
}

/** $1 queue, $2 rows, $3 the name or null, then the place and the id to go on behind. */
function listSql(state: ListedState, goesOn: boolean): string {
  const [where, first, second, isUp] = kept[state];
  const place = `(${first})::bigint, (${second})::bigint, id COLLATE "C"`;
  const direction = isUp ? 'ASC' : 'DESC';
  return `
    SELECT id, name, (${first})::bigint AS first, (${second})::bigint AS second, added_at_ms, processed_at_ms,
           finished_at_ms, attempts_made, failed_reason, stacktrace, matches AS wanted,
           CASE WHEN matches THEN data END AS data, CASE WHEN matches THEN progress END AS progress,
           CASE WHEN matches THEN return_value END AS return_value,
           CASE WHEN matches THEN length(data::text) + length(COALESCE(return_value::text, '')) END AS bytes
      FROM (
        SELECT *, $3::text IS NULL OR name = $3::text AS matches FROM job
         WHERE queue = $1 AND ${where}
         ${goesOn ? `AND (${place}) ${isUp ? '>' : '<'} ($4::bigint, $5::bigint, $6::text COLLATE "C")` : ''}
         ORDER BY ${first} ${direction}, ${second} ${direction}, id COLLATE "C" ${direction}
         LIMIT $2::int
      ) AS page
     ORDER BY 3 ${direction}, 4 ${direction}, id COLLATE "C" ${direction}`;
}

function toListed(row: Row): ListedJob {
  const fields = new StoredFields(row);
  const processedOn = fields.has('processed_at_ms') ? fields.time('processed_at_ms', 'startedAt') : undefined;
  const finishedOn = fields.has('finished_at_ms') ? fields.time('finished_at_ms', 'finishedAt') : undefined;
  const job = {
    id: String(row['id']),
    name: fields.text('name'),
    // Values and no texts: a text that is no JSON cannot be in a column of JSON.
    data: row['data'],
    progress: row['progress'] ?? 0,
    attemptsMade: fields.has('attempts_made') ? fields.count('attempts_made', 'attemptsMade') : 0,
    timestamp: fields.time('added_at_ms', 'createdAt') ?? 0,
    ...(processedOn !== undefined && { processedOn }),
    ...(finishedOn !== undefined && { finishedOn }),
    ...(typeof row['failed_reason'] === 'string' && { failedReason: row['failed_reason'] }),
    returnvalue: row['return_value'],
    ...(row['stacktrace'] !== null && { stacks: row['stacktrace'] }),
  };
  return withDamage(job, fields);
}

/** $1 queue, $2 id, $3 lines. */
const readSql = `
  SELECT *, ARRAY(
    SELECT row FROM (
      SELECT row, idx FROM job_log WHERE queue = $1 AND job_id = $2 ORDER BY idx DESC LIMIT $3::int
    ) AS newest ORDER BY idx
  ) AS logs,
  (SELECT COALESCE(MAX(id), 0)::text FROM event WHERE queue = $1) AS event_id
  FROM job WHERE queue = $1 AND id = $2`;

/** $1 queue, $2 ids, $3 those of them whose logs are looked at too. One row at least, for the newest event. */
const lookSql = `
  SELECT newest.id AS event_id, job.id, job.state, job.priority,
         CASE WHEN job.id = ANY($3::text[]) THEN
           (SELECT COALESCE(MAX(idx), -1)::text FROM job_log WHERE queue = $1 AND job_id = job.id)
         END AS log_mark
  FROM (SELECT COALESCE(MAX(id), 0)::text AS id FROM event WHERE queue = $1) AS newest
  LEFT JOIN job ON job.queue = $1 AND job.id = ANY($2::text[])`;

/** $1 queue, $2 the id behind which to begin, $3 rows, $4 bytes: the row that passes them is the last one. */
const eventsSql = `
  SELECT id, event, data, number = $3::int OR before + size >= $4::bigint AS more
  FROM (
    SELECT *, row_number() OVER (ORDER BY id) AS number, sum(size) OVER (ORDER BY id) - size AS before
    FROM (
      SELECT id, event, data, length(data::text) AS size FROM event
       WHERE queue = $1 AND id > $2::bigint ORDER BY id LIMIT $3::int
    ) AS page
  ) AS counted
  WHERE before < $4::bigint
  ORDER BY id`;

function textOf(value: unknown, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise;
}

function stateOf({ state, priority }: Row): JobState {
  return state === 'waiting' && Number(priority) > 0 ? 'prioritized' : (state as JobState);
}
