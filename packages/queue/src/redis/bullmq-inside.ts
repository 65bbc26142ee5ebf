/**
 * All that this package uses of BullMQ's inner parts, which no release of it promises to keep. BullMQ is pinned to one version for
 * that, and each part is looked for by its name at the start, so that another version fails there with its name and not somewhere
 * in a job. Whoever upgrades BullMQ reads this file, and runs the tests.
 */
import { UnsupportedError } from '@holdfast/redis-core';
import {
  Job,
  JobScheduler,
  optsEncodeMap,
  RedisConnection,
  RedisQueueBackend,
  Worker,
  type IQueueBackend,
  type IRedisClient,
  type JobJson,
  type JobsOptions,
  type Queue,
  type RepeatOptions,
} from 'bullmq';
import type { EventEmitter } from 'node:events';
import type { WorkerInside } from '../port/job-worker.ts';

/** What these parts were read in. */
const bullmqVersion = '6.7.0';

export interface BullmqScript {
  readonly lua: string;
  readonly numberOfKeys: number;
}

/** What a script is run with. */
export type ScriptArgument = string | number | Buffer;

export interface RecordedCall {
  /** The name of the script, without a version. */
  readonly script: string;
  readonly keys: readonly ScriptArgument[];
  readonly args: readonly ScriptArgument[];
}

const neededScripts = [
  'addParentJob',
  'addPrioritizedJob',
  'addDelayedJob',
  'moveJobFromActiveToWait',
  'moveToFinished',
  'pause',
  'promote',
  'releaseParentIfNoPendingDependencies',
  'removeJob',
  'reprocessJob',
];
const neededMethods: readonly (readonly [
  kind: { readonly name: string; readonly prototype: object },
  names: string[],
])[] = [
  // Overridden by `FetchingWorker`.
  [
    Worker,
    [
      'moveToActive',
      'nextJobFromJobData',
      'processJob',
      'callProcessJob',
      'handleCompleted',
      'handleFailed',
      'getBackend',
    ],
  ],
  [Worker, ['createLockManager', 'jobScheduler']],
  [JobScheduler, ['upsertJobScheduler', 'getNextJobOpts']],
  [Job, ['asJSON', 'moveToWait', 'getIgnoredChildrenFailures']],
  [RedisConnection, ['loadCommands', 'getRedisVersionAndType']],
  [
    RedisQueueBackend,
    [
      'addJobToTransaction',
      'execCommand',
      'moveToActive',
      'toKey',
      'getJobLogs',
      'maximumBlockTimeout',
      'getProcessedChildrenValues',
      'waitForJob',
    ],
  ],
];

const scripts = new Map<string, BullmqScript>();
let isChecked = false;

/** @throws UnsupportedError naming every part that the installed BullMQ does not have */
export function checkBullmq(): void {
  if (isChecked) return;
  const methods = neededMethods.flatMap(([{ name, prototype }, names]) =>
    names.filter((part) => !(part in prototype)).map((part) => `${name}.${part}`),
  );
  if (methods.includes('RedisConnection.loadCommands')) refuse(methods);
  readScripts();
  const missing = neededScripts.filter((name) => !scripts.has(name)).map((name) => `the script ${name}`);
  if (methods.length + missing.length > 0) refuse([...methods, ...missing]);
  isChecked = true;
}

function refuse(missing: readonly string[]): never {
  throw new UnsupportedError(
    `The installed BullMQ lacks ${missing.join(', ')}, which the queue uses. Install bullmq@${bullmqVersion}.`,
  );
}

/** A connection registers all scripts on its client; this client only notes them. */
function readScripts(): void {
  const client = {
    defineCommand: (name: string, script: BullmqScript): void => void scripts.set(nameOfScript(name), script),
  };
  RedisConnection.prototype['loadCommands'].call({ _client: client }, '');
}

/** BullMQ's own text of a script, to run inside one of ours. */
export function bullmqScript(name: string): BullmqScript {
  checkBullmq();
  return scripts.get(name) ?? refuse([`the script ${name}`]);
}

/** BullMQ's names of scripts end in its version. */
export function nameOfScript(command: string): string {
  return command.replace(/:[^:]*$/, '');
}

/** BullMQ's short names of options, as it stores them. */
export const optionNames: Readonly<Record<string, string>> = optsEncodeMap;

/** How BullMQ would add a job: it hands a script to a connection, and this one only notes what it is handed. */
export function recordAdd(backend: RedisQueueBackend, job: JobJson, id: string, links: object = {}): RecordedCall {
  let call: RecordedCall | undefined;
  const recorder = {
    runCommand: async (command: string, all: readonly ScriptArgument[]): Promise<string> => {
      const script = nameOfScript(command);
      const { numberOfKeys } = bullmqScript(script);
      call = { script, keys: all.slice(0, numberOfKeys), args: all.slice(numberOfKeys) };
      return id;
    },
  };
  // It comes to that before the call returns.
  void backend.addJobToTransaction(recorder as unknown as IRedisClient, job, id, links);
  return call ?? refuse(['an add that hands its script to the connection at once']);
}

/** The connections of a new backend: that for commands, and of a worker also that which blocks. */
export function connectionsOf(backend: RedisQueueBackend): RedisConnection[] {
  const { connection, blockingConnection } = backend;
  return [required(backend, 'connection', connection), blockingConnection].filter((one) => one !== undefined);
}

/** The client is there as soon as its connection is constructed; the public `client` waits until it is connected. */
export function clientOf(connection: RedisConnection): IRedisClient {
  const { _client: client } = connection as unknown as { readonly _client?: IRedisClient };
  return required(connection, '_client', client);
}

/**
 * Has a new connection learn the version of its Redis by `read`, and say nothing of it. Its constructor has not come to
 * that yet, since it waits for the connection before.
 */
export function replaceVersionCheck(
  connection: RedisConnection,
  read: () => Promise<{ readonly version: string; readonly databaseType: 'redis' | 'valkey' | 'dragonfly' }>,
): void {
  Object.defineProperties(connection, { skipVersionCheck: { value: true }, getRedisVersionAndType: { value: read } });
}

/** Has a worker block for so long where BullMQ would do so for 10 s at most: as soon as a job is delayed or scheduled. */
export function setMaximumBlock(backend: RedisQueueBackend, seconds: number): RedisQueueBackend {
  return Object.defineProperty(backend, 'maximumBlockTimeout', { value: seconds });
}

/** Has a backend read the log of a job in another way. */
export function replaceLogReader(backend: RedisQueueBackend, read: IQueueBackend['getJobLogs']): RedisQueueBackend {
  return Object.defineProperty(backend, 'getJobLogs', { value: read });
}

/** Has the connection for commands of a new backend run another text where BullMQ runs its script of that name. */
export function replaceScript(backend: RedisQueueBackend, name: string, script: BullmqScript): void {
  const { version } = backend as unknown as { readonly version: string };
  const client = clientOf(backend.connection);
  const { scriptsSet } = client as unknown as {
    readonly scriptsSet: Record<string, { readonly lua: string } | undefined>;
  };
  // BullMQ registers its scripts when it is connected, but none of a name that is there already; many queues share a client.
  if (scriptsSet[`${name}:${version}`]?.lua !== script.lua) client.defineCommand(`${name}:${version}`, script);
}

/** Has a backend take jobs by what `fetch` replies to the keys and arguments of BullMQ's own script for that. */
export function replaceFetch(
  backend: RedisQueueBackend,
  fetch: (client: IRedisClient, all: readonly ScriptArgument[]) => Promise<unknown>,
): RedisQueueBackend {
  const execCommand = async (client: IRedisClient, _name: string, all: readonly ScriptArgument[]): Promise<unknown> =>
    fetch(client, all);
  const fetching = Object.create(backend, { execCommand: { value: execCommand } }) as RedisQueueBackend;
  const value = backend.moveToActive.bind(fetching);
  return Object.defineProperty(backend, 'moveToActive', { value, writable: true });
}

/** Has a worker be woken as if a job were due at once, whatever the marker says that woke it. */
export function ignoreTimeOfMarkers(backend: RedisQueueBackend): void {
  const wait = backend.waitForJob.bind(backend);
  const value: RedisQueueBackend['waitForJob'] = async (seconds) => {
    const marker = await wait(seconds);
    return marker === null ? null : { ...marker, score: 0 };
  };
  Object.defineProperty(backend, 'waitForJob', { value });
}

/** Has a queue or a worker make the next jobs of schedules by another maker of them. */
export function replaceScheduler(owner: Queue<unknown, unknown> | Worker<unknown, unknown>, by: JobScheduler): void {
  by.on('error', (error) => (owner as EventEmitter).emit('error', error));
  Object.assign(owner, { _jobScheduler: by });
}

/** With what options BullMQ would make the job of the run at `next` of a schedule. */
export function optionsOfNextJob(
  scheduler: JobScheduler,
  next: number | undefined,
  id: string,
  { options, count, offset }: { readonly options: object; readonly count: number; readonly offset: number | null },
): JobsOptions {
  const inside = scheduler as unknown as {
    getNextJobOpts(
      next: number | undefined,
      id: string,
      options: object,
      count: number,
      offset: number | null,
    ): JobsOptions;
  };
  return inside.getNextJobOpts(next, id, options, count, offset);
}

/** When a schedule runs next, as its queue or worker was told to reckon it. */
export async function nextRunBy(
  scheduler: JobScheduler,
  after: number,
  repeat: RepeatOptions,
): Promise<number | undefined> {
  const { repeatStrategy } = scheduler as unknown as {
    readonly repeatStrategy: (after: number, repeat: RepeatOptions) => number | undefined;
  };
  return repeatStrategy(after, repeat);
}

/** What `FetchingWorker` changes of a worker, on Redis and embedded. */
export const workerInside: WorkerInside = {
  setId: (worker, id) => {
    required(worker, 'id', worker.id);
    Object.assign(worker, { id });
  },
  askAgain: (worker) => {
    required(worker, 'drained', (worker as unknown as { readonly drained?: boolean }).drained);
    Object.assign(worker, { drained: false });
  },
  keepLock: (worker, { id, token }) => {
    required(worker, 'lockManager', worker['lockManager']).trackJob(id, token, Date.now());
  },
  // It is there only once a worker has waited for a look.
  endStalledWait: (worker) => worker['stalledCheckStopper']?.(),
};

function required<T>(owner: object, name: string, part: T | undefined): T {
  return part ?? refuse([`${owner.constructor.name}.${name}`]);
}
