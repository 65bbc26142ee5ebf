import type { DurationReader, ProblemList } from '@holdfast/config/part';
import { CronExpressionParser } from 'cron-parser';
import { Check } from 'typebox/value';
import { queueBounds } from './duration-bounds.ts';
import type { FileQueue } from './queue-schema.ts';
import type { QueueSchedule } from './settings.ts';

type FileSchedule = NonNullable<FileQueue['schedule']>;

/** What holdfast.yaml says of when a queue adds jobs by itself; notes what the queue would refuse. */
export function toSchedule(
  given: FileSchedule,
  reader: DurationReader,
  problems: ProblemList,
  path: string,
): QueueSchedule {
  const { every, pattern, tz, data = {} } = given;
  // One that is wrong in its form was dropped by the validation.
  const isNamed = ['every', 'pattern'].some((field) => problems.has(`${path}.${field}`));
  if (!isNamed && (every === undefined) === (pattern === undefined)) {
    problems.add(path, 'must have one of every and pattern', 'every, or pattern with or without tz');
  }
  if (!isNamed && tz !== undefined && pattern === undefined)
    problems.add(`${path}.tz`, 'has no meaning without pattern');
  const isZone = tz === undefined || isTimeZone(tz);
  if (!isZone) problems.add(`${path}.tz`, 'is no time zone', 'a name such as UTC or Europe/Berlin');
  if (pattern === undefined) {
    return { everyMs: reader.read(every ?? queueBounds.every.min, 'schedule.every', queueBounds.every), data };
  }
  const problem = patternProblem(pattern, isZone ? tz : undefined);
  if (problem !== undefined) problems.add(`${path}.pattern`, problem, patternAllowed);
  return { pattern: pattern.trim(), ...(tz !== undefined && { tz }), data };
}

/** Notes data that each job of the schedule would be refused for. `payload`: a schema that was found to be one. */
export function checkScheduleData(
  { data }: QueueSchedule,
  payload: Readonly<Record<string, unknown>> | undefined,
  path: string,
  problems: ProblemList,
): void {
  // Without a schema a queue takes all but null.
  if (payload === undefined ? data !== null : Check(payload, data)) return;
  problems.add(
    path,
    'is not what the queue takes',
    payload === undefined ? 'any JSON but null' : 'what fits `payload`',
  );
}

const patternAllowed =
  'a cron expression of 5 fields (minute, hour, day of month, month, day of week), or 6 with the second before them, without H';

/**
 * The queue decides about patterns with this parser, and so does its engine; the same restrictions as there (`H` would be
 * another time in each process) make that what loads here runs there. A test compares the two.
 */
function patternProblem(pattern: string, tz = 'UTC'): string | undefined {
  if (/H/i.test(pattern.replaceAll(/thu/gi, ''))) return 'must not have H';
  let expression;
  try {
    expression = CronExpressionParser.parse(pattern, { tz, currentDate: new Date() });
  } catch (error) {
    return `is no cron expression: ${error instanceof Error ? error.message : String(error)}`;
  }
  try {
    expression.next();
  } catch {
    return 'never comes';
  }
  return undefined;
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
