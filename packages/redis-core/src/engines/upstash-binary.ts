import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { Bytes, Script } from '../engine.ts';

/**
 * How bytes travel over a protocol that is JSON, and so text. A request cannot carry bytes that are not UTF-8, and a
 * server without `Upstash-Encoding: base64` cannot reply them. Such a command is therefore sent as a script: its
 * arguments and its reply are texts in which each character stands for one byte (U+0000 to U+00FF), and the script turns
 * them back. What Redis stores are the bytes themselves, as any other client reads and writes them.
 */

/** The script around `body`. All on one line, so that the line numbers of a script's errors stay right. */
function wrapped(body: string): string {
  return `${tables} ${toBytes} ${toText} for i = 1, #ARGV do ARGV[i] = hf_bytes(ARGV[i]) end return hf_text((function() ${body}\nend)())`;
}

/**
 * U+0080 to U+00FF are two bytes in UTF-8, C2 80 to C3 BF; everything below is itself. By tables: with a function for
 * each match Redis took four times as long. A megabyte of random bytes takes 40 ms one way and 80 ms the other.
 */
const tables =
  "local hf_t, hf_b = {}, {} for b = 128, 255 do local c, u = string.char(b), (b < 192 and '\\194' or '\\195') .. string.char(b < 192 and b or b - 64) hf_t[c] = u hf_b[u] = c end";
const toBytes = "local function hf_bytes(s) return (string.gsub(s, '[\\194\\195][\\128-\\191]', hf_b)) end";
const toText =
  "local function hf_text(r) if type(r) == 'string' then return (string.gsub(r, '[\\128-\\255]', hf_t)) end " +
  "if type(r) == 'table' and r.ok == nil and r.err == nil then local t = {} for i = 1, #r do t[i] = hf_text(r[i]) end return t end return r end";

export interface WrappedCommand {
  readonly digest: string;
  readonly lua: string;
  readonly args: readonly (string | number)[];
}

/** A plain command; its first argument is its key, or with `keys` so many of them are. */
export function wrapCommand(name: string, args: readonly (Bytes | number)[], keys: number): WrappedCommand {
  const rest = args.slice(keys).map(asLatin1);
  return { ...plainScript, args: [keys, ...args.slice(0, keys).map(String), name, ...rest] };
}

/** A named script: `args` as EVALSHA takes them, without the digest. */
export function wrapScript(script: Script, args: readonly (Bytes | number)[]): WrappedCommand {
  let made = scripts.get(script);
  if (made === undefined) {
    made = withDigest(wrapped(script.lua));
    scripts.set(script, made);
  }
  const keys = Number(args[0]);
  return { ...made, args: [keys, ...args.slice(1, 1 + keys).map(String), ...args.slice(1 + keys).map(asLatin1)] };
}

const scripts = new WeakMap<Script, { readonly digest: string; readonly lua: string }>();

// KEYS: those of the command. ARGV 1: its name, further: its other arguments. Reply: that of the command. The keys are
// appended one by one: `unpack` alone could not put arguments behind them.
export const plainScript: { readonly digest: string; readonly lua: string } = withDigest(
  wrapped(
    'local c = {ARGV[1]} for i = 1, #KEYS do c[#c + 1] = KEYS[i] end for i = 2, #ARGV do c[#c + 1] = ARGV[i] end return redis.call(unpack(c))',
  ),
);

/** So many arguments fit on the stack of Lua for `unpack` (LUAI_MAXCSTACK is 8 000). */
export const MAX_WRAPPED_ARGUMENTS = 7000;

/** Whether an argument survives JSON. */
export function isText(argument: Bytes | number): boolean {
  if (typeof argument === 'number') return true;
  return typeof argument === 'string' ? argument.isWellFormed() : isUtf8(argument);
}

/** As it stands in JSON. Only for what `isText` holds of. */
export function asText(argument: Bytes | number): string | number {
  return typeof argument === 'object' ? bufferOf(argument).toString('utf8') : argument;
}

/** The bytes of a reply of a wrapped command. */
export function fromLatin1(reply: unknown): unknown {
  if (typeof reply === 'string') return Buffer.from(reply, 'latin1');
  // The text itself came as base64.
  if (Buffer.isBuffer(reply)) return Buffer.from(reply.toString('utf8'), 'latin1');
  return Array.isArray(reply) ? reply.map(fromLatin1) : reply;
}

/** The bytes of a reply of which all strings are base64, except a plain OK. */
export function fromBase64(reply: unknown): unknown {
  if (typeof reply === 'string') return reply === 'OK' ? reply : Buffer.from(reply, 'base64');
  return Array.isArray(reply) ? reply.map(fromBase64) : reply;
}

function asLatin1(argument: Bytes | number): string | number {
  if (typeof argument === 'number') return argument;
  return (typeof argument === 'string' ? Buffer.from(argument) : bufferOf(argument)).toString('latin1');
}

function withDigest(lua: string): { readonly digest: string; readonly lua: string } {
  return { lua, digest: createHash('sha1').update(lua).digest('hex') };
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
