import { byteLength } from './batch-bytes.ts';
import type { BatchOperation, Bytes, ScoredMember, Script } from './engine.ts';

/**
 * What a pipeline takes. Each reads or writes one key (a script: those it names), and replies what the method of that
 * name replies: `get` bytes or `null` (also where the key holds another type, as MGET does), `set` and `pexpire` whether
 * it was done, `del` 0 or 1, the others a number.
 */
export type PipelineOperation =
  | { readonly op: 'get'; readonly key: string }
  | { readonly op: 'pttl'; readonly key: string }
  | { readonly op: 'set'; readonly key: string; readonly value: Bytes; readonly pxMs?: number; readonly nx?: boolean }
  | { readonly op: 'del'; readonly key: string }
  | { readonly op: 'pexpire'; readonly key: string; readonly ttlMs: number }
  | { readonly op: 'hset'; readonly key: string; readonly fields: Readonly<Record<string, Bytes>> }
  | { readonly op: 'hincrby'; readonly key: string; readonly field: string; readonly by: number }
  | { readonly op: 'zadd'; readonly key: string; readonly members: readonly ScoredMember[] }
  | { readonly op: 'zrem'; readonly key: string; readonly members: readonly string[] }
  | {
      readonly op: 'run';
      readonly script: Script;
      readonly keys: readonly string[];
      readonly args: readonly Bytes[];
    };

/** Operations of one class can share a command. */
export type OperationClass =
  /** Many are one MGET. */
  | 'read'
  /** Many are one script; refused as a whole, each may be sent by itself. */
  | 'write'
  /** Many are one script; nothing of it is sent again, whatever Redis said. */
  | 'write-once'
  /** Each is a command. */
  | 'single';

export function classOf(operation: PipelineOperation): OperationClass {
  switch (operation.op) {
    case 'get':
      return 'read';
    case 'pttl':
    case 'run':
      return 'single';
    case 'hincrby':
      return 'write-once';
    case 'set':
      return operation.nx === true ? 'write-once' : 'write';
    case 'del':
    case 'pexpire':
    case 'hset':
    case 'zadd':
    case 'zrem':
      return 'write';
  }
}

export function keysOf(operation: PipelineOperation): readonly string[] {
  return operation.op === 'run' ? operation.keys : [operation.key];
}

/** About what it sends, in bytes of UTF-8: its keys and values. */
export function bytesOf(operation: PipelineOperation): number {
  let bytes = 0;
  for (const key of keysOf(operation)) bytes += byteLength(key);
  switch (operation.op) {
    case 'set':
      return bytes + byteLength(operation.value);
    case 'hset':
      for (const [field, value] of Object.entries(operation.fields)) bytes += byteLength(field) + byteLength(value);
      return bytes;
    case 'zadd':
      for (const { member } of operation.members) bytes += byteLength(member);
      return bytes;
    case 'zrem':
      for (const member of operation.members) bytes += byteLength(member);
      return bytes;
    case 'run':
      for (const argument of operation.args) bytes += byteLength(argument);
      return bytes;
    case 'get':
    case 'pttl':
    case 'del':
    case 'pexpire':
    case 'hincrby':
      return bytes;
  }
}

/** The operation by itself. */
export function asBatchOperation(operation: PipelineOperation): BatchOperation {
  if (operation.op === 'get') return { op: 'mget', keys: [operation.key] };
  return operation.op === 'del' ? { op: 'del', keys: [operation.key] } : operation;
}
