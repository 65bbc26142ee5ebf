import type { Bytes, Script, ScriptTwin, TwinStore } from './engine.ts';
import { CommandError } from './errors.ts';
import type { PipelineOperation } from './pipeline-operation.ts';
import { defineScript, loadLua } from './script.ts';
import * as commands from './command.ts';

/** For each operation its integer reply, or the text of its error. */
export type WriteManyReply = readonly (number | Buffer)[];

const lua = loadLua('write-many', import.meta.url);

const twin: ScriptTwin<WriteManyReply> = (store, keys, args) => {
  let at = 0;
  return keys.map((key) => {
    const name = String(args[at]);
    const count = Number(args[at + 1]?.toString());
    const rest = args.slice(at + 2, at + 2 + count);
    at += 2 + count;
    try {
      return apply(store, name, key, rest);
    } catch (error) {
      return Buffer.from(error instanceof Error ? error.message : String(error));
    }
  });
};

/** Writes that may be made again. */
export const writeMany: Script<WriteManyReply> = defineScript({ name: 'write-many', lua, idempotent: true, twin });
/** Writes of which some must not: increments, and what is set only once. */
export const writeManyOnce: Script<WriteManyReply> = defineScript({
  name: 'write-many-once',
  lua,
  idempotent: false,
  twin,
});

/** The part of the script's arguments that is one write. */
export function scriptArguments(operation: PipelineOperation): Bytes[] {
  const { name, args } = commandOf(operation);
  // The first is the key, which goes with the keys.
  const rest = args.slice(1).map((argument) => (typeof argument === 'number' ? String(argument) : argument));
  return [name.toUpperCase(), String(rest.length), ...rest];
}

function commandOf(operation: PipelineOperation): {
  readonly name: string;
  readonly args: readonly (Bytes | number)[];
} {
  if (operation.op === 'get' || operation.op === 'pttl' || operation.op === 'run') {
    throw new CommandError(`${operation.op} is not a write.`);
  }
  return operation.op === 'del' ? commands.del([operation.key]) : commands.fromOperation(operation);
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
