import { BatchRoom, byteLength } from '../batch-bytes.ts';
import type { Command } from '../command.ts';
import { UnsupportedError } from '../errors.ts';
import {
  asText,
  fromLatin1,
  isText,
  MAX_WRAPPED_ARGUMENTS,
  plainScript,
  type WrappedCommand,
  wrapCommand,
  wrapScript,
} from './upstash-binary.ts';
import type { RestCommand } from './upstash-client.ts';

/** A command as it is sent, and how its reply is read before the command itself decodes it. */
export interface Encoded {
  readonly rest: RestCommand;
  readonly decode: (reply: unknown) => unknown;
  /** The Lua of what is sent as EVALSHA. */
  readonly lua?: string;
}

/** The script that carries plain commands; loaded at the start, so that each costs one command. */
export const plainWrapper: { readonly lua: string } = plainScript;

const asItIs = (reply: unknown): unknown => reply;

/**
 * As text where that loses nothing; else through the wrapper of `upstash-binary.ts`.
 * @throws UnsupportedError for a command of more arguments than Lua can pass on
 */
export function encodeCommand(command: Command<unknown>, repliesBytes: boolean): Encoded {
  const { script, args } = command;
  const isPlain = args.every(isText) && (repliesBytes || !repliesData(command));
  if (script !== undefined) {
    if (isPlain) return { rest: ['EVALSHA', ...args.map(asText)], decode: asItIs, lua: script.lua };
    return wrappedCommand(wrapScript(script, args.slice(1)));
  }
  if (isPlain) return { rest: [command.name.toUpperCase(), ...args.map(asText)], decode: asItIs };
  if (args.length > MAX_WRAPPED_ARGUMENTS) {
    throw new UnsupportedError(
      `This REST endpoint takes at most ${MAX_WRAPPED_ARGUMENTS} arguments in one ${command.name}, not ${args.length}.`,
    );
  }
  return wrappedCommand(wrapCommand(command.name, args, keysOf(command)));
}

/** The same with the whole script, for a server that does not know its digest. */
export function encodeEval(encoded: Encoded): Encoded {
  const { lua } = encoded;
  return lua === undefined ? encoded : { ...encoded, rest: ['EVAL', lua, ...encoded.rest.slice(2)] };
}

/** What is sent, by its places, in requests of a bounded size, in order: servers refuse what is too large as a whole. */
export function inRequests(list: readonly Encoded[]): readonly (readonly number[])[] {
  const requests: number[][] = [];
  let room: BatchRoom | undefined;
  for (const [place, { rest }] of list.entries()) {
    const bytes = rest.reduce<number>((sum, part) => sum + byteLength(String(part)), 0);
    if (room?.take(1, bytes) !== true) {
      room = new BatchRoom(Infinity);
      room.take(1, bytes);
      requests.push([]);
    }
    requests.at(-1)?.push(place);
  }
  return requests;
}

function wrappedCommand({ digest, lua, args }: WrappedCommand): Encoded {
  return { rest: ['EVALSHA', digest, ...args], decode: fromLatin1, lua };
}

/** Whether its reply holds what a caller stored, and so any bytes. */
function repliesData({ name, args }: Command<unknown>): boolean {
  if (name === 'set') return args.includes('GET');
  return ['mget', 'get', 'hmget', 'hgetall', 'xrange', 'evalsha'].includes(name);
}

/** How many of its first arguments are keys. */
function keysOf({ name, args }: Command<unknown>): number {
  if (name === 'mget' || name === 'unlink' || name === 'touch') return args.length;
  return ['scan', 'dbsize', 'time', 'info', 'publish'].includes(name) ? 0 : 1;
}
