import type { JobJson, JobsOptions, RedisQueueBackend } from 'bullmq';
import type { NewJob } from '../job/new-job.ts';
import { optionNames, recordAdd } from './bullmq-inside.ts';

/** BullMQ's scripts that add a job, in the order of their keys in our command. A queue gives each job a priority. */
export const addScripts = ['addPrioritizedJob', 'addDelayedJob'] as const;
export type AddScript = (typeof addScripts)[number];

/** The script that BullMQ runs for a job of these options. */
export function addScriptOf({ delay = 0 }: JobsOptions): AddScript {
  return delay > 0 ? 'addDelayedJob' : 'addPrioritizedJob';
}

const texts = new WeakMap<JobsOptions, string>();

/**
 * The options as BullMQ stores them: JSON, with its short names. Remembered for each object, since the jobs of a queue
 * that say nothing of their own share one.
 */
function optionsText(options: JobsOptions): string {
  const known = texts.get(options);
  if (known !== undefined) return known;
  const entries = Object.entries(options).map(([name, value]): [string, unknown] => [optionNames[name] ?? name, value]);
  const text = JSON.stringify(Object.fromEntries(entries));
  texts.set(options, text);
  return text;
}

/** What our command is told of each job, each value that is the same as before left out (see lua/guarded-add.lua). */
export function jobArguments(jobs: readonly NewJob[], markerOf: (job: NewJob) => string): string[] {
  const now = Date.now();
  const values: string[] = [];
  let [name, age, options] = ['', '', ''];
  const unlessSame = (value: string, before: string): string => (value === before ? '' : value);
  for (const job of jobs) {
    const before = { name, age, options };
    name = job.name;
    // The server reckons from its own clock when that was.
    age = `${Math.max(0, now - (job.options.timestamp ?? now))}`;
    options = optionsText(job.options);
    values.push(
      job.id,
      markerOf(job),
      job.json ?? JSON.stringify(job.data),
      unlessSame(name, before.name),
      unlessSame(age, before.age),
      unlessSame(options, before.options),
    );
  }
  return values;
}

const keysOfBackends = new WeakMap<RedisQueueBackend, Readonly<Record<AddScript, readonly string[]>>>();

/** The keys that BullMQ gives its scripts for this queue. */
export function addKeys(backend: RedisQueueBackend): Readonly<Record<AddScript, readonly string[]>> {
  const known = keysOfBackends.get(backend);
  if (known !== undefined) return known;
  const keys = {
    addPrioritizedJob: recordedKeys(backend, 'addPrioritizedJob', { priority: 1 }),
    addDelayedJob: recordedKeys(backend, 'addDelayedJob', { priority: 1, delay: 1 }),
  };
  keysOfBackends.set(backend, keys);
  return keys;
}

function recordedKeys(backend: RedisQueueBackend, script: AddScript, opts: JobsOptions): readonly string[] {
  const job = { id: '', name: '', data: '', opts, progress: 0, attemptsMade: 0, timestamp: 0 };
  const added = recordAdd(backend, job as unknown as JobJson, '');
  if (added.script !== script) throw new Error(`BullMQ does not add such jobs by its script ${script} any more.`);
  return added.keys.map(String);
}
