import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { createEngine, createKeys } from '@holdfast/redis-core';
import { eventually } from '@holdfast/testing';
import { Cache, L1Cache } from '../../src/index.ts';
import { type HistoryEvent, now } from './events.ts';
import { mutations, mutationsOfFull } from './mutations.ts';
import { act, fill, namespaces, type Recorder, type Role } from './program.ts';
import { Random } from './random.ts';

/** What the driver tells a process, as JSON in its first argument. */
export interface WorkerTask {
  readonly process: string;
  readonly host: string;
  readonly port: number;
  readonly prefix: string;
  readonly seed: number;
  readonly callers: number;
  readonly seconds: number;
  readonly file: string;
  readonly role: Role;
  readonly mutation?: string;
}

/** A gap this long between two ticks is time in which the process did not run. */
const TICK_MS = 5;
const STALL_MS = 8;

const task = JSON.parse(process.argv[2] ?? '') as WorkerTask;
const log = createWriteStream(task.file);
let ids = 0;
const recorder: Recorder = {
  process: task.process,
  record: (event: HistoryEvent) => {
    // Loads behind the backs of callers may outlast the program; nobody reads their values any more.
    if (!log.writableEnded) log.write(`${JSON.stringify(event)}\n`);
  },
  newId: () => `${task.process}-${(ids += 1)}`,
};

const created = createEngine({
  name: task.process,
  target: { kind: 'standalone', host: task.host, port: task.port },
  commandTimeoutMs: 1000,
});
const engine =
  task.mutation === undefined
    ? created
    : ({ ...mutations, ...mutationsOfFull }[task.mutation]?.(created) ?? unknown(task.mutation));
// Starting, all at once on a busy machine, may take longer than a command may.
await eventually(() => engine.time());
const l1 = new L1Cache(engine);
const keys = createKeys(task.prefix);
const caches = Object.entries(namespaces).map(
  ([namespace, rules]) => new Cache({ engine, keys, namespace, ...rules }, { l1 }),
);

let ticked = now();
const ticking = setInterval(() => {
  const from = ticked;
  ticked = now();
  if (ticked - from > STALL_MS) recorder.record({ type: 'stall', process: task.process, from, to: ticked });
}, TICK_MS);

// The driver begins when all of them are ready: starting takes longer than a short history.
const began = once(process, 'SIGUSR2');
console.log('ready');
await began;
const until = now() + task.seconds * 1000;
const callers = Array.from({ length: task.callers }, (_, caller) => new Random(task.seed * 1000 + caller));
await Promise.all([
  ...callers.map((random) => act(caches, recorder, random, until, task.role)),
  ...(task.role === 'all' ? [] : [fill(engine, keys, task.process, until)]),
]);
clearInterval(ticking);
l1.close();
await engine.close();
log.end();
await once(log, 'finish');
console.log('done');

function unknown(mutation: string): never {
  throw new Error(`There is no mutation "${mutation}".`);
}
