import { DurationReader, type ProblemList } from '@holdfast/config/part';
import type { RetentionRule } from '@holdfast/queue';
import { queueBounds } from './duration-bounds.ts';
import { checkPayloadSchema } from './payload-schema.ts';
import { presetQueues } from './preset-queues.ts';
import { checkScheduleData, toSchedule } from './queue-schedule.ts';
import type { FileQueue } from './queue-schema.ts';
import type { QueueConfig, QueueDelivery, QueueOverrides } from './settings.ts';

type FileRetention = NonNullable<NonNullable<FileQueue['retention']>['completed']>;

/** The secret in the variable of this name, or in the file that it names; `undefined`, and a problem, where it is none. */
export type ReadSecret = (variable: string, path: string) => string | undefined;

type PayloadSchema = Readonly<Record<string, unknown>>;

export interface QueuesBeside {
  /** The names of the built-in queues and of those of modules. */
  readonly inCode: readonly string[];
  /** The names of queues that files of the installation define: of those the file says the policy only. */
  readonly inFiles: readonly string[];
  readonly readSecret: ReadSecret;
}

interface Place {
  readonly path: string;
  readonly reader: DurationReader;
  readonly problems: ProblemList;
}

/** What the file says of queues that are on, its own ones included. Names that start with `__` cannot come: the schema refuses them. */
export function mergeQueues(
  queues: Readonly<Record<string, FileQueue>>,
  beside: QueuesBeside,
  problems: ProblemList,
): [string, QueueConfig][] {
  const merged: [string, QueueConfig][] = [];
  for (const [name, given] of Object.entries(queues)) {
    // Of one that is off only the name matters: what it would need, such as secrets, may be gone.
    if (given.enabled === false) checkName(name, given, beside, problems);
    else merged.push([name, toQueue(name, given, beside, problems)]);
  }
  return merged;
}

function checkName(name: string, given: FileQueue, { inCode, inFiles }: QueuesBeside, problems: ProblemList): void {
  const builtIn = [...inCode, ...Object.keys(presetQueues), ...inFiles];
  const path = `queues.${name}`;
  if (given.url !== undefined || builtIn.includes(name) || problems.has(`${path}.url`)) return;
  addNameless(path, builtIn, problems);
}

/** A name that says nothing of what the queue is: most often one that is misspelt. */
function addNameless(path: string, others: readonly string[], problems: ProblemList): void {
  problems.add(path, 'is no built-in queue and has no url', `a url; or one of ${others.join(', ')}`);
}

function toQueue(
  name: string,
  given: FileQueue,
  { inCode, inFiles, readSecret }: QueuesBeside,
  problems: ProblemList,
): QueueConfig {
  const path = `queues.${name}`;
  const reader = new DurationReader(path, problems);
  const policy = toPolicy(given, reader);
  // What is more of one of the catalogue was refused by the validation, which does not know those of modules.
  if (inCode.includes(name)) {
    for (const field of (['url', ...ofDelivery] as const).filter((each) => given[each] !== undefined)) {
      problems.add(`${path}.${field}`, 'is no setting of a built-in queue');
    }
    return policy;
  }
  // One with a url as well is told, with the path of its file, once the files are read.
  if (inFiles.includes(name) && given.url === undefined) {
    for (const field of ofDelivery.filter((each) => given[each] !== undefined)) {
      problems.add(`${path}.${field}`, 'is said by its files, and here only for a queue with a url');
    }
    return policy;
  }
  if (given.url === undefined) {
    // One that is wrong was dropped by the validation.
    if (!problems.has(`${path}.url`)) addNameless(path, [...inCode, ...inFiles], problems);
    return policy;
  }
  const { description, payload, coalesce } = given;
  const preset = Object.hasOwn(presetQueues, name) ? presetQueues[name] : undefined;
  return {
    ...preset,
    ...policy,
    ...(preset?.retention && { retention: { ...preset.retention, ...policy.retention } }),
    ...(description !== undefined && { description }),
    ...(coalesce !== undefined && {
      coalesce: {
        field: coalesce.field,
        maxItems: coalesce.maxItems,
        maxWaitMs: reader.read(coalesce.maxWait, 'coalesce.maxWait', queueBounds.coalesceWait),
      },
    }),
    ...(payload !== undefined && { payload: payload as PayloadSchema }),
    ...toJobs(given, preset, { path, reader, problems }),
    delivery: toDelivery(given, given.url, readSecret, problems, path),
  };
}

/** When jobs come by themselves, and whether they would be taken. */
function toJobs(given: FileQueue, preset: Partial<QueueConfig> | undefined, { path, reader, problems }: Place) {
  const before = problems.count;
  if (given.payload !== undefined) checkPayloadSchema(given.payload, `${path}.payload`, problems);
  const isPayloadWrong = problems.count > before;
  const schedule =
    given.schedule === undefined ? preset?.schedule : toSchedule(given.schedule, reader, problems, `${path}.schedule`);
  if (schedule === undefined) return {};
  const payload = (given.payload as PayloadSchema | undefined) ?? preset?.payload;
  if (!isPayloadWrong) checkScheduleData(schedule, payload, `${path}.schedule.data`, problems);
  return { schedule };
}

const ofDelivery = [
  'description',
  'method',
  'headers',
  'secrets',
  'failureUrl',
  'payload',
  'coalesce',
  'schedule',
] as const;

function toPolicy(given: FileQueue, reader: DurationReader): QueueOverrides {
  const { attempts, maxCrashes, concurrency, priority, timeout, waitingTtl, backoff, rateLimit, retention } = given;
  return {
    ...(attempts !== undefined && { attempts }),
    ...(maxCrashes !== undefined && { maxCrashes }),
    ...(concurrency !== undefined && { concurrency }),
    ...(priority !== undefined && { priority }),
    ...(timeout !== undefined && { timeoutMs: reader.read(timeout, 'timeout', queueBounds.attempt) }),
    ...(waitingTtl !== undefined && { waitingTtlMs: reader.read(waitingTtl, 'waitingTtl', queueBounds.waitingTtl) }),
    ...(backoff !== undefined && {
      backoff: {
        type: backoff.type,
        delayMs: reader.read(backoff.delay, 'backoff.delay', queueBounds.backoff),
        ...(backoff.maxDelay !== undefined && {
          maxDelayMs: reader.read(backoff.maxDelay, 'backoff.maxDelay', queueBounds.backoff),
        }),
        ...(backoff.jitter !== undefined && { jitter: backoff.jitter }),
      },
    }),
    ...(rateLimit !== undefined && {
      rateLimit: {
        max: rateLimit.max,
        durationMs: reader.read(rateLimit.per, 'rateLimit.per', queueBounds.rateLimit),
      },
    }),
    ...(retention !== undefined && {
      retention: {
        ...(retention.completed && { completed: toRetention(retention.completed, 'retention.completed', reader) }),
        ...(retention.failed && { failed: toRetention(retention.failed, 'retention.failed', reader) }),
      },
    }),
  };
}

function toRetention({ age, count }: FileRetention, path: string, reader: DurationReader): RetentionRule {
  return {
    ...(count !== undefined && { count }),
    ...(age !== undefined && { ageMs: reader.read(age, `${path}.age`, queueBounds.retention) }),
  };
}

function toDelivery(
  given: FileQueue,
  url: string,
  readSecret: ReadSecret,
  problems: ProblemList,
  path: string,
): QueueDelivery {
  for (const [field, text] of [['url', url] as const, ['failureUrl', given.failureUrl] as const]) {
    if (text !== undefined && !URL.canParse(text)) problems.add(`${path}.${field}`, 'is no URL');
  }
  const secrets = given.secrets
    ?.map((variable, at) => readSecret(variable, `${path}.secrets.${at}`))
    .filter((secret) => secret !== undefined);
  return {
    url,
    method: given.method ?? 'POST',
    headers: given.headers ?? {},
    ...(secrets !== undefined && { secrets }),
    ...(given.failureUrl !== undefined && { failureUrl: given.failureUrl }),
  };
}
