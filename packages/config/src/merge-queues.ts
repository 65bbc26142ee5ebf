import type { ProblemList } from './errors.ts';
import { formatTtl, parseDuration } from './duration.ts';
import { checkPayloadSchema } from './payload-schema.ts';
import { presetQueues } from './preset-queues.ts';
import { builtInQueueNames } from './presets.ts';
import type { FileQueue } from './queue-schema.ts';
import type { QueueConfig, QueueDelivery, QueueOverrides, QueueSchedule, Retention } from './types.ts';

type FileRetention = NonNullable<NonNullable<FileQueue['retention']>['completed']>;
type FileSchedule = NonNullable<FileQueue['schedule']>;

/** The secret in the variable of this name, or in the file that it names; `undefined`, and a problem, where it is none. */
export type ReadSecret = (variable: string, path: string) => string | undefined;

const second = 1000;
const day = 86_400_000;
const year = 365 * day;

/** What the file says of queues, its own ones included. Names that start with `__` cannot come: the schema refuses them. */
export function mergeQueues(
  queues: Readonly<Record<string, FileQueue>>,
  readSecret: ReadSecret,
  problems: ProblemList,
): [string, QueueConfig][] {
  return Object.entries(queues).map(([name, given]) => [name, toQueue(name, given, readSecret, problems)]);
}

function toQueue(name: string, given: FileQueue, readSecret: ReadSecret, problems: ProblemList): QueueConfig {
  const path = `queues.${name}`;
  const reader = new Durations(path, problems);
  const builtIn: readonly string[] = builtInQueueNames;
  const policy = toPolicy(given, reader);
  if (builtIn.includes(name)) return policy;
  if (given.url === undefined) {
    // One that is wrong was dropped by the validation.
    if (!problems.has(`${path}.url`)) {
      problems.add(path, 'is no built-in queue and has no url', `a url; or one of ${builtIn.join(', ')}`);
    }
    return policy;
  }
  const { description, payload, schedule, coalesce } = given;
  const preset = Object.hasOwn(presetQueues, name) ? presetQueues[name] : undefined;
  if (payload !== undefined) checkPayloadSchema(payload, `${path}.payload`, problems);
  return {
    ...preset,
    ...policy,
    ...(preset?.retention && { retention: { ...preset.retention, ...policy.retention } }),
    ...(description !== undefined && { description }),
    ...(payload !== undefined && { payload: payload as Readonly<Record<string, unknown>> }),
    ...(coalesce !== undefined && {
      coalesce: {
        field: coalesce.field,
        maxItems: coalesce.maxItems,
        maxWaitMs: reader.read(coalesce.maxWait, 'coalesce.maxWait', 1, 60 * second),
      },
    }),
    ...(schedule !== undefined && { schedule: toSchedule(schedule, reader, problems, `${path}.schedule`) }),
    delivery: toDelivery(given, given.url, readSecret, problems, path),
  };
}

function toPolicy(given: FileQueue, reader: Durations): QueueOverrides {
  const { attempts, concurrency, priority, timeout, waitingTtl, backoff, rateLimit, retention } = given;
  return {
    ...(attempts !== undefined && { attempts }),
    ...(concurrency !== undefined && { concurrency }),
    ...(priority !== undefined && { priority }),
    ...(timeout !== undefined && { timeoutMs: reader.read(timeout, 'timeout', 1, day) }),
    ...(waitingTtl !== undefined && { waitingTtlMs: reader.read(waitingTtl, 'waitingTtl', 1, year) }),
    ...(backoff !== undefined && {
      backoff: {
        type: backoff.type,
        delayMs: reader.read(backoff.delay, 'backoff.delay', 0, day),
        ...(backoff.maxDelay !== undefined && {
          maxDelayMs: reader.read(backoff.maxDelay, 'backoff.maxDelay', 0, day),
        }),
        ...(backoff.jitter !== undefined && { jitter: backoff.jitter }),
      },
    }),
    ...(rateLimit !== undefined && {
      rateLimit: { max: rateLimit.max, durationMs: reader.read(rateLimit.per, 'rateLimit.per', 1, day) },
    }),
    ...(retention !== undefined && {
      retention: {
        ...(retention.completed && { completed: toRetention(retention.completed, 'retention.completed', reader) }),
        ...(retention.failed && { failed: toRetention(retention.failed, 'retention.failed', reader) }),
      },
    }),
  };
}

function toRetention({ age, count }: FileRetention, path: string, reader: Durations): Retention {
  return {
    ...(count !== undefined && { count }),
    ...(age !== undefined && { ageMs: reader.read(age, `${path}.age`, second) }),
  };
}

function toSchedule(given: FileSchedule, reader: Durations, problems: ProblemList, path: string): QueueSchedule {
  const { every, pattern, tz, data = {} } = given;
  if ((every === undefined) === (pattern === undefined)) {
    problems.add(path, 'must have one of every and pattern', 'every, or pattern with or without tz');
  }
  if (tz !== undefined && pattern === undefined) problems.add(`${path}.tz`, 'has no meaning without pattern');
  if (tz !== undefined && !isTimeZone(tz)) {
    problems.add(`${path}.tz`, 'is no time zone', 'a name such as UTC or Europe/Berlin');
  }
  if (pattern === undefined) return { everyMs: reader.read(every ?? 1000, 'schedule.every', second, year), data };
  return { pattern: pattern.trim(), ...(tz !== undefined && { tz }), data };
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

/** The schema has checked the form; the bounds are checked here. */
class Durations {
  readonly #path: string;
  readonly #problems: ProblemList;

  constructor(path: string, problems: ProblemList) {
    this.#path = path;
    this.#problems = problems;
  }

  /** Milliseconds; where the text is wrong, a value that does no harm until the problems are reported. */
  read(value: string | number, field: string, minimum: number, maximum = Number.MAX_SAFE_INTEGER): number {
    const path = `${this.#path}.${field}`;
    try {
      const parsed = parseDuration(value);
      if (parsed >= minimum && parsed <= maximum) return parsed;
      const most = maximum === Number.MAX_SAFE_INTEGER ? '' : ` and at most ${formatTtl(maximum)}`;
      this.#problems.add(path, 'is out of range', `at least ${minimum} ms${most}`);
    } catch (error) {
      this.#problems.add(path, error instanceof Error ? error.message : 'is no duration');
    }
    return minimum;
  }
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
