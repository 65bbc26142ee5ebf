import { stripVTControlCharacters, styleText } from 'node:util';
import type { DestinationStream } from 'pino';

type Line = Readonly<Record<string, unknown>>;
type Style = Parameters<typeof styleText>[0];

/** What has a place of its own in a line, or is the same in each. */
const placed = new Set(['level', 'time', 'service', 'version', 'msg', 'reason', 'err', 'reqId', 'part', 'problems']);

const levelStyles: Readonly<Record<string, Style>> = {
  fatal: ['bold', 'red'],
  error: 'red',
  warn: 'yellow',
  info: 'green',
};

/**
 * Turns lines of the log into lines for a person at a terminal: one for each, a request and a job at a glance, the stack of an
 * error below it. What the log leaves out this leaves out as well; what strangers chose cannot move the cursor.
 */
export class ReadableLines implements DestinationStream {
  readonly #to: DestinationStream;

  constructor(to: DestinationStream) {
    this.#to = to;
  }

  write(json: string): void {
    this.#to.write(`${format(json)}\n`);
  }
}

function format(json: string): string {
  let line: Line;
  try {
    line = JSON.parse(json) as Line;
  } catch {
    return printable(json);
  }
  const level = text(line['level']);
  const service = line['part'] === 'worker' ? 'worker' : text(line['service']);
  const head = `${clock(text(line['time']))} ${style(levelStyles[level] ?? 'dim', level.padEnd(5))} ${service.padEnd(6)}`;
  return `${head} ${body(line, level)}${list(line['problems'])}${stack(line['err'])}`;
}

function body(line: Line, level: string): string {
  const { method, route, status, durationMs, queue, event, job, attempts, msg, command, connection, outcome } = line;
  if (msg === 'request' && typeof status === 'number') {
    const colour = status >= 500 ? 'red' : status >= 400 ? 'yellow' : 'green';
    const what = `${text(method).padEnd(6)} ${text(route)}`;
    return `${style('bold', what)} ${style(colour, text(status))} ${text(durationMs)} ms${others(line, ['method', 'route', 'status', 'durationMs'])}`;
  }
  if (msg === 'job') {
    const colour = /^(failed|crashed|expired)$/.test(text(event)) ? 'red' : event === 'completed' ? 'green' : 'cyan';
    const took = typeof durationMs === 'number' ? ` ${durationMs} ms` : '';
    const tried = typeof attempts === 'number' && attempts > 1 ? `, attempt ${attempts}` : '';
    const name = [queue, job].filter((part) => part !== undefined).map(text);
    return `${style('bold', `JOB    ${name.join(' ')}`)} ${style(colour, text(event))}${took}${tried}`;
  }
  if (msg === 'Redis command') {
    return style('dim', `redis  ${text(connection ?? queue)} ${text(command)} ${text(outcome)} ${text(durationMs)} ms`);
  }
  const reason = line['reason'] ?? (line['err'] as Line | undefined)?.['message'];
  const said = `${text(msg)}${reason === undefined || reason === msg ? '' : `: ${text(reason)}`}${others(line, [])}`;
  return level === 'debug' || level === 'trace' ? style('dim', said) : said;
}

function others(line: Line, told: readonly string[]): string {
  return Object.entries(line)
    .filter(([name]) => !placed.has(name) && !told.includes(name))
    .map(([name, value]) => ` ${style('dim', `${name}=`)}${text(value)}`)
    .join('');
}

/** Everything that is wrong, one below the other. */
function list(problems: unknown): string {
  if (!Array.isArray(problems)) return '';
  return problems.map((problem) => `\n  ${text(problem)}`).join('');
}

function stack(error: unknown): string {
  const lines = (error as Line | undefined)?.['stack'];
  if (typeof lines !== 'string') return '';
  return lines
    .split('\n')
    .slice(1)
    .map((line) => `\n${style('dim', printable(line))}`)
    .join('');
}

/** The time of the day here. */
function clock(time: string): string {
  const date = new Date(time);
  return style('dim', Number.isNaN(date.getTime()) ? time : date.toTimeString().slice(0, 8));
}

function text(value: unknown): string {
  return printable(typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value));
}

/** In one line, without what a terminal would obey. */
function printable(value: string): string {
  return stripVTControlCharacters(value).replaceAll(/\p{Cc}+/gu, ' ');
}

/** Without colours where the environment says so (`NO_COLOR`). */
function style(format: Style, value: string): string {
  return styleText(format, value, { stream: process.stdout });
}
