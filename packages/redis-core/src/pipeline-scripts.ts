import type { Bytes, Script, ScriptTwin, TwinStore } from './engine.ts';
import { CommandError } from './errors.ts';
import type { PipelineOperation } from './pipeline-operation.ts';
import { defineScript, loadLua } from './script.ts';
import * as commands from './command.ts';

/** For each operation its integer reply, or the text of its error. */
export type WriteManyReply = readonly (number | Buffer)[];

const lua = loadLua('write-many', import.meta.url);

const twin: ScriptTwin<WriteManyReply> = (store, keys, args) => {
  const outcomes: (number | Buffer)[] = [];
  let at = 0;
  while (at < args.length) {
    const name = String(args[at]);
    const [count = 0, own = 0, shared = 0] = args.slice(at + 1, at + 4).map(Number);
    const common = args.slice(at + 4, at + 4 + shared);
    at += 4 + shared;
    for (const key of keys.slice(outcomes.length, outcomes.length + count)) {
      outcomes.push(outcomeOf(() => apply(store, name, key, [...args.slice(at, at + own), ...common])));
      at += own;
    }
  }
  return outcomes;
};

function outcomeOf(write: () => number): number | Buffer {
  try {
    return write();
  } catch (error) {
    return Buffer.from(error instanceof Error ? error.message : String(error));
  }
}

/** Not repeated: an increment would count twice, and any other write might undo what somebody else wrote in the meantime. */
export const writeMany: Script<WriteManyReply> = defineScript({ name: 'write-many', lua, idempotent: false, twin });

interface Form {
  readonly command: string;
  /** What only this operation has. */
  readonly own: readonly Bytes[];
  /** What others may have as well. */
  readonly shared: readonly string[];
}

const NONE: readonly string[] = [];

/** The script's arguments for these writes; their keys go beside them. Writes in a row that differ in little share the rest. */
export function scriptArguments(operations: Iterable<PipelineOperation>): Bytes[] {
  const args: Bytes[] = [];
  let run: Form | undefined;
  let countAt = 0;
  let count = 0;
  for (const operation of operations) {
    const form = formOf(operation);
    if (run?.command === form.command && run.own.length === form.own.length && isSame(run.shared, form.shared)) {
      count += 1;
    } else {
      if (run !== undefined) args[countAt] = String(count);
      run = form;
      count = 1;
      countAt = args.length + 1;
      args.push(form.command, '1', String(form.own.length), String(form.shared.length), ...form.shared);
    }
    for (const argument of form.own) args.push(argument);
  }
  if (run !== undefined) args[countAt] = String(count);
  return args;
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((text, index) => text === b[index]));
}

function formOf(operation: PipelineOperation): Form {
  switch (operation.op) {
    case 'get':
    case 'pttl':
    case 'run':
      throw new CommandError(`${operation.op} is not a write.`);
    case 'set':
      return { command: 'SET', own: [operation.value], shared: commands.setArguments(operation) };
    case 'del':
      return { command: 'UNLINK', own: NONE, shared: NONE };
    case 'pexpire':
      return { command: 'PEXPIRE', own: NONE, shared: [String(operation.ttlMs)] };
    case 'hset':
    case 'hincrby':
    case 'zadd':
    case 'zrem': {
      const { name, args } = commands.fromOperation(operation);
      // The first is the key.
      const own = args.slice(1).map((argument) => (typeof argument === 'number' ? String(argument) : argument));
      return { command: name.toUpperCase(), own, shared: NONE };
    }
  }
}

function apply(store: TwinStore, name: string, key: string, args: readonly Buffer[]): number {
  const texts = args.map(String);
  switch (name) {
    case 'SET': {
      const px = texts.indexOf('PX', 1);
      if (texts.indexOf('NX', 1) !== -1 && store.exists(key)) return 0;
      store.set(key, args[0] ?? '', px === -1 ? undefined : Number(texts[px + 1]));
      return 1;
    }
    case 'UNLINK':
      return Number(store.del(key));
    case 'PEXPIRE':
      return Number(store.pexpire(key, Number(texts[0])));
    case 'HSET':
      return pairs(args).filter(([field, value]) => store.hset(key, String(field), value)).length;
    case 'HINCRBY':
      return store.hincrby(key, texts[0] ?? '', Number(texts[1]));
    case 'ZADD':
      return pairs(args).filter(([score, member]) => store.zadd(key, String(member), scoreOf(String(score)))).length;
    case 'ZREM':
      return texts.filter((member) => store.zrem(key, member)).length;
    default:
      throw new CommandError(`ERR unknown command '${name}'`);
  }
}

function pairs(args: readonly Buffer[]): [Buffer, Buffer][] {
  const list: [Buffer, Buffer][] = [];
  for (let index = 0; index + 1 < args.length; index += 2) {
    const [first, second] = args.slice(index, index + 2);
    if (first !== undefined && second !== undefined) list.push([first, second]);
  }
  return list;
}

function scoreOf(text: string): number {
  if (text === '+inf') return Infinity;
  return text === '-inf' ? -Infinity : Number(text);
}
