import {
  asArray,
  asBuffer,
  asBuffers,
  asMap,
  asMembers,
  asNumber,
  asScored,
  asScriptReply,
  asText,
} from './command-replies.ts';
import type {
  BatchOperation,
  BatchReply,
  Bytes,
  KeyType,
  ScoredMember,
  Script,
  ScriptReply,
  SetOptions,
  SetReply,
  SortedSetPage,
  SortedSetRange,
  SortedSetScanReply,
  StreamEntry,
} from './engine.ts';
import { scriptDigest } from './script.ts';

/**
 * One client command, independent of the client that sends it: what to send, how to read the reply, and whether it may
 * be sent a second time when the first reply was lost.
 */
export interface Command<Reply> {
  readonly name: CommandName;
  readonly args: readonly (Bytes | number)[];
  readonly safety: Safety;
  readonly decode: (reply: unknown) => Reply;
  /** For a script: sent as EVALSHA, and as EVAL where the server does not know it. */
  readonly script?: Script;
  /** Index in `args` of the first key; the others of the command share its slot. */
  readonly keyAt?: number;
  /** In a cluster, the node that it must go to (`host:port`), where no key says so: SCAN, INFO. */
  readonly node?: string;
}

/**
 * - `read`: changes nothing; a lost reply means that nothing happened.
 * - `idempotent`: may be applied again, whatever others have done in the meantime: a script that looks before it writes.
 * - `once`: must not be sent again after it may have been applied. An increment would count twice; and a write that leaves the
 *   same when it is repeated at once would undo what somebody else has written, and was confirmed, before its repetition.
 */
export type Safety = 'read' | 'idempotent' | 'once';

export type CommandName =
  | 'mget'
  | 'get'
  | 'set'
  | 'unlink'
  | 'touch'
  | 'pexpire'
  | 'pttl'
  | 'hmget'
  | 'hgetall'
  | 'hset'
  | 'hincrby'
  | 'hdel'
  | 'zadd'
  | 'zrange'
  | 'zrem'
  | 'zscan'
  | 'zcard'
  | 'xadd'
  | 'xrange'
  | 'scan'
  | 'dbsize'
  | 'time'
  | 'info'
  | 'type'
  | 'cluster'
  | 'publish'
  | 'evalsha';

export function mget(keys: readonly string[]): Command<(Buffer | null)[]> {
  return { name: 'mget', args: keys, safety: 'read', decode: asBuffers };
}

export function get(key: string): Command<Buffer | null> {
  return { name: 'get', args: [key], safety: 'read', decode: asBuffer };
}

export function set(key: string, value: Bytes, options: SetOptions = {}): Command<SetReply> {
  const { nx = false, get = false } = options;
  return {
    name: 'set',
    args: [key, value, ...setArguments(options)],
    safety: 'once',
    decode: get ? (reply) => asReplaced(asBuffer(reply), nx) : asStored,
  };
}

/** What follows the value. */
export function setArguments({ pxMs, nx = false, get = false }: SetOptions): readonly string[] {
  if (pxMs === undefined && !nx && !get) return [];
  const args = pxMs === undefined ? [] : ['PX', String(pxMs)];
  if (nx) args.push('NX');
  if (get) args.push('GET');
  return args;
}

const asStored = (reply: unknown): SetReply => ({ stored: reply !== null, previous: null });
const asReplaced = (previous: Buffer | null, nx: boolean): SetReply => ({ stored: !nx || previous === null, previous });

export function del(keys: readonly string[]): Command<number> {
  return { name: 'unlink', args: keys, safety: 'once', decode: asNumber };
}

export function touch(keys: readonly string[]): Command<number> {
  return { name: 'touch', args: keys, safety: 'read', decode: asNumber };
}

export function pexpire(key: string, ttlMs: number): Command<boolean> {
  return { name: 'pexpire', args: [key, ttlMs], safety: 'once', decode: (reply) => asNumber(reply) === 1 };
}

export function pttl(key: string): Command<number | null | undefined> {
  return {
    name: 'pttl',
    args: [key],
    safety: 'read',
    decode: (reply) => {
      const left = asNumber(reply);
      if (left === -2) return undefined;
      return left === -1 ? null : left;
    },
  };
}

export function hget(key: string, fields: readonly string[]): Command<(Buffer | null)[]> {
  return { name: 'hmget', args: [key, ...fields], safety: 'read', decode: asBuffers };
}

export function hgetall(key: string): Command<Map<string, Buffer>> {
  return { name: 'hgetall', args: [key], safety: 'read', decode: asMap };
}

export function hset(key: string, fields: Readonly<Record<string, Bytes>>): Command<number> {
  return { name: 'hset', args: [key, ...Object.entries(fields).flat()], safety: 'once', decode: asNumber };
}

export function hincrby(key: string, field: string, by: number): Command<number> {
  return { name: 'hincrby', args: [key, field, by], safety: 'once', decode: asNumber };
}

export function hdel(key: string, fields: readonly string[]): Command<number> {
  return { name: 'hdel', args: [key, ...fields], safety: 'once', decode: asNumber };
}

export function zadd(key: string, members: readonly ScoredMember[]): Command<number> {
  const args = members.flatMap(({ member, score }) => [scoreText(score), member]);
  return { name: 'zadd', args: [key, ...args], safety: 'once', decode: asNumber };
}

export function zrange(key: string, range: SortedSetRange): Command<ScoredMember[]> {
  return { name: 'zrange', args: [key, ...rangeArguments(range)], safety: 'read', decode: asMembers(range) };
}

export function zrem(key: string, members: readonly string[]): Command<number> {
  return { name: 'zrem', args: [key, ...members], safety: 'once', decode: asNumber };
}

export function zscan(key: string, page: SortedSetPage): Command<SortedSetScanReply> {
  const { prefix = '', cursor = '0', count = 250 } = page;
  return {
    name: 'zscan',
    args: [key, cursor, ...(prefix === '' ? [] : ['MATCH', `${escapeGlob(prefix)}*`]), 'COUNT', count],
    safety: 'read',
    decode: (reply) => {
      const [next, flat] = asArray(reply);
      const nextText = asText(next);
      return {
        members: asScored(flat).filter(({ member }) => member.startsWith(prefix)),
        cursor: nextText === '0' ? null : nextText,
      };
    },
  };
}

export function zcard(key: string): Command<number> {
  return { name: 'zcard', args: [key], safety: 'read', decode: asNumber };
}

export function xadd(key: string, fields: Readonly<Record<string, Bytes>>, maxLength?: number): Command<string> {
  const trim = maxLength === undefined ? [] : ['MAXLEN', '~', maxLength];
  return { name: 'xadd', args: [key, ...trim, '*', ...Object.entries(fields).flat()], safety: 'once', decode: asText };
}

export function xrange(key: string, range: { after?: string; count: number }): Command<StreamEntry[]> {
  const start = range.after === undefined ? '-' : `(${range.after}`;
  return {
    name: 'xrange',
    args: [key, start, '+', 'COUNT', range.count],
    safety: 'read',
    decode: (reply) =>
      asArray(reply).map((entry) => {
        const [id, fields] = asArray(entry);
        return { id: asText(id), fields: asMap(fields) };
      }),
  };
}

export function scan(
  cursor: string,
  page: { readonly prefix: string; readonly type?: KeyType; readonly count?: number },
): Command<{ keys: string[]; cursor: string | null }> {
  const args: (Bytes | number)[] = [cursor, 'MATCH', `${escapeGlob(page.prefix)}*`, 'COUNT', page.count ?? 250];
  if (page.type !== undefined) args.push('TYPE', page.type);
  return {
    name: 'scan',
    args,
    safety: 'read',
    decode: (reply) => {
      const [next, keys] = asArray(reply);
      const cursorText = asText(next);
      return {
        // Once more on the client: a proxy or a fork that ignores MATCH must not leak foreign keys.
        keys: asArray(keys)
          .map(asText)
          .filter((key) => key.startsWith(page.prefix)),
        cursor: cursorText === '0' ? null : cursorText,
      };
    },
  };
}

export function dbsize(): Command<number> {
  return { name: 'dbsize', args: [], safety: 'read', decode: asNumber };
}

/** `string`, `hash`…; `none` where there is no key. */
export function type(key: string): Command<string> {
  return { name: 'type', args: [key], safety: 'read', decode: asText };
}

/** How the node that is asked sees the nodes of its cluster, and which slots it gives and takes. */
export function clusterNodes(): Command<string> {
  return { name: 'cluster', args: ['NODES'], safety: 'read', decode: asText };
}

/** The keys of a slot that the node that is asked has, whoever owns the slot. */
export function keysInSlot(slot: number, count: number): Command<string[]> {
  return {
    name: 'cluster',
    args: ['GETKEYSINSLOT', slot, count],
    safety: 'read',
    decode: (reply) => asArray(reply).map(asText),
  };
}

export function time(): Command<number> {
  return {
    name: 'time',
    args: [],
    safety: 'read',
    decode: (reply) => {
      const [seconds, microseconds] = asArray(reply);
      return asNumber(seconds) * 1000 + Math.floor(asNumber(microseconds) / 1000);
    },
  };
}

export function info(): Command<Record<string, string>> {
  return {
    name: 'info',
    args: [],
    safety: 'read',
    decode: (reply) => {
      const lines = asText(reply)
        .split('\r\n')
        .filter((line) => line !== '' && !line.startsWith('#'));
      return Object.fromEntries(
        lines.map((line) => {
          const colon = line.indexOf(':');
          return [line.slice(0, colon), line.slice(colon + 1)];
        }),
      );
    },
  };
}

export function publish(channel: string, message: Bytes): Command<number> {
  return { name: 'publish', args: [channel, message], safety: 'once', decode: asNumber };
}

export function run<Reply extends ScriptReply>(
  script: Script<Reply>,
  keys: readonly string[],
  args: readonly Bytes[],
): Command<Reply> {
  return {
    name: 'evalsha',
    args: [scriptDigest(script), keys.length, ...keys, ...args],
    safety: script.idempotent ? 'idempotent' : 'once',
    decode: (reply) => asScriptReply(reply) as Reply,
    script,
    keyAt: 2,
  };
}

export function fromOperation(operation: BatchOperation): Command<BatchReply> {
  switch (operation.op) {
    case 'get':
      return get(operation.key);
    case 'mget':
      return mget(operation.keys);
    case 'set':
      return { ...set(operation.key, operation.value, operation), decode: (reply) => reply !== null };
    case 'del':
      return del(operation.keys);
    case 'pexpire':
      return pexpire(operation.key, operation.ttlMs);
    case 'pttl':
      return pttl(operation.key);
    case 'hset':
      return hset(operation.key, operation.fields);
    case 'hincrby':
      return hincrby(operation.key, operation.field, operation.by);
    case 'zadd':
      return zadd(operation.key, operation.members);
    case 'zrem':
      return zrem(operation.key, operation.members);
    case 'run':
      return run(operation.script, operation.keys, operation.args);
  }
}

function rangeArguments(range: SortedSetRange): (string | number)[] {
  switch (range.by) {
    case 'index':
      return [range.start, range.stop, ...(range.reverse === true ? ['REV'] : []), 'WITHSCORES'];
    case 'score': {
      const limit = range.limit === undefined ? [] : ['LIMIT', 0, range.limit];
      const ends = [scoreText(range.min), scoreText(range.max)];
      // Redis wants the end first that the reply begins with.
      const ordered = range.reverse === true ? [...ends.toReversed(), 'BYSCORE', 'REV'] : [...ends, 'BYSCORE'];
      return [...ordered, ...limit, 'WITHSCORES'];
    }
    case 'lex':
      return [range.after === undefined ? '-' : `(${range.after}`, '+', 'BYLEX', 'LIMIT', 0, range.limit];
  }
}

function scoreText(score: number): string {
  if (score === Infinity) return '+inf';
  return score === -Infinity ? '-inf' : String(score);
}

function escapeGlob(text: string): string {
  return text.replace(/[*?[\]\\]/g, String.raw`\$&`);
}
