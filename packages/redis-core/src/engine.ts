/**
 * The Redis port: everything in Holdfast but the queue reaches Redis through this interface, and every engine behind it
 * passes the same contract suite (`test/contract/`), so a primitive is written once.
 *
 * Rules that hold for every method of every engine:
 * - **Keys** are complete keys, made by `keys.ts`. An engine adds nothing to them.
 * - **Values** go in as a string (UTF-8) or bytes and come out as a `Buffer`: nothing is parsed on the way.
 * - **Durations** are whole milliseconds ≥ 1.
 * - **Atomicity**: one method is one Redis command, and so atomic, unless its docstring says otherwise.
 * - **Deadline**: every call ends within its deadline (the engine's default or `CallOptions.deadlineMs`).
 * - **Outage**: an engine never hides one. It rejects with `UnavailableError` when the call was certainly not applied,
 *   and with `UnknownOutcomeError` when it may have been (the reply was lost or late). What happens then is the decision
 *   of the primitive that called. Inside the deadline reads are sent again, and what was certainly not applied; a write that may
 *   have been is not, as that might undo what somebody else has written since. Scripts say for themselves (`idempotent`).
 * - **Foreign type**: a call on a key of another type rejects with `WrongTypeError` and changes nothing.
 * - **Memory full**: a write that Redis refuses for lack of memory rejects with `OutOfMemoryError`.
 */
import type { ConnectionFault, FaultKind } from './connection-fault.ts';
import type { ServerLimit } from './server-limits.ts';

export interface RedisEngine {
  readonly kind: EngineKind;
  /** What is known of the connection right now; never waits and never touches the network. */
  readonly status: EngineStatus;

  /** The value, or `null`; a key of another type is a `WrongTypeError`, where `mget` replies `null`. */
  get(key: string, options?: CallOptions): Promise<Buffer | null>;
  /** Values in the order of `keys`; `null` where there is none **or where the key holds another type** (as MGET does). */
  mget(keys: readonly string[], options?: CallOptions): Promise<(Buffer | null)[]>;
  /** Overwrites any type, except with `get`, which needs the old value to be a string. */
  set(key: string, value: Bytes, options?: SetOptions & CallOptions): Promise<SetReply>;
  /** Removes keys of any type without blocking Redis (UNLINK). Replies how many existed. */
  del(keys: readonly string[], options?: CallOptions): Promise<number>;
  /** Counts keys of any type as used now, for a Redis that evicts what was not used for longest. Replies how many exist. */
  touch(keys: readonly string[], options?: CallOptions): Promise<number>;
  /** Sets the time to live. `false` when the key does not exist. */
  pexpire(key: string, ttlMs: number, options?: CallOptions): Promise<boolean>;
  /** Milliseconds left; `null` for a key without expiry; `undefined` when there is no key. */
  pttl(key: string, options?: CallOptions): Promise<number | null | undefined>;

  /** Values of `fields` in their order. */
  hget(key: string, fields: readonly string[], options?: CallOptions): Promise<(Buffer | null)[]>;
  /** The whole hash; empty when there is no key. For hashes that are known to be small. */
  hgetall(key: string, options?: CallOptions): Promise<Map<string, Buffer>>;
  /** Writes fields; replies how many were new. */
  hset(key: string, fields: Readonly<Record<string, Bytes>>, options?: CallOptions): Promise<number>;
  /** Adds `by` (a safe integer) to a field and replies the sum. */
  hincrby(key: string, field: string, by: number, options?: CallOptions): Promise<number>;
  /** Removes fields; replies how many existed. */
  hdel(key: string, fields: readonly string[], options?: CallOptions): Promise<number>;

  /** Adds or re-scores members; replies how many were new. */
  zadd(key: string, members: readonly ScoredMember[], options?: CallOptions): Promise<number>;
  /** Members in order (by score, then by bytes). */
  zrange(key: string, range: SortedSetRange, options?: CallOptions): Promise<ScoredMember[]>;
  /** Removes members; replies how many existed. */
  zrem(key: string, members: readonly string[], options?: CallOptions): Promise<number>;
  /**
   * One page of the members that start with `prefix` (a literal, not a glob), in no order. A member that is there during the
   * whole scan is replied at least once, whatever its score does meanwhile; a page may be empty while `cursor` is not yet
   * `null`. A set of up to some hundred members may come as one page, whatever `count` says.
   */
  zscan(key: string, page: SortedSetPage, options?: CallOptions): Promise<SortedSetScanReply>;
  /** Number of members; 0 when there is no key. */
  zcard(key: string, options?: CallOptions): Promise<number>;

  /** Appends an entry, trimming to about `maxLength` where given; replies its id. */
  xadd(
    key: string,
    fields: Readonly<Record<string, Bytes>>,
    options?: { readonly maxLength?: number } & CallOptions,
  ): Promise<string>;
  /** Entries with an id greater than `after` (exclusive; from the start without it), oldest first. */
  xrange(
    key: string,
    range: { readonly after?: string; readonly count: number },
    options?: CallOptions,
  ): Promise<StreamEntry[]>;

  /**
   * One page of the keys that start with `prefix` (a literal, not a glob) and hold `type`. A key that exists during the
   * whole scan is returned at least once; a page may be empty while `cursor` is not yet `null`. Never `KEYS`.
   */
  scan(page: ScanPage, options?: CallOptions): Promise<ScanReply>;

  /** How many keys of any type and prefix there are; in a cluster on all masters. Those that have expired may be counted. */
  dbsize(options?: CallOptions): Promise<number>;
  /** The server's clock, milliseconds since the epoch. */
  time(options?: CallOptions): Promise<number>;
  /** `INFO` as a flat record of its fields. */
  info(options?: CallOptions): Promise<Readonly<Record<string, string>>>;

  /** Replies how many subscribers received it. */
  publish(channel: string, message: Bytes, options?: CallOptions): Promise<number>;
  /** Resolves when subscribed; after a reconnect the subscription is restored, what was published meanwhile is lost. */
  subscribe(channel: string, listener: (message: Buffer) => void): Promise<Unsubscribe>;

  /** Runs a named script atomically (EVALSHA, with one EVAL where the server does not know it yet). */
  run<Reply extends ScriptReply>(
    script: Script<Reply>,
    keys: readonly string[],
    args: readonly Bytes[],
    options?: CallOptions,
  ): Promise<Reply>;

  /**
   * Sends `operations` in one round trip (not a transaction: others may interleave) and settles each by itself, in
   * order. Rejects only when nothing was sent. Scripts that the server may not know are loaded first.
   */
  batch(operations: readonly BatchOperation[], options?: CallOptions): Promise<BatchResult[]>;

  /**
   * Tells the engine that a script replied, as part of its reply, with the error reply that one of its writes to `key` got:
   * what it says of other calls shows in `status`. An engine that needs not be told has none.
   */
  noteRefusal?(key: string, reply: string): void;

  /** Only in a cluster: the slot of a key. Keys that share one may share a command. */
  slotOf?(key: string): number;
  /** Only in a cluster: the slots whose master is away, so that calls for their keys fail at once. Looks at all slots. */
  slotsAway?(): readonly number[];
  /** Only in a cluster: calls back when that may have changed, before the calls that it concerns fail. */
  onSlots?(listener: () => void): Unsubscribe;

  /**
   * Whether this engine has its reads tracked while it is connected. Where not, nobody is told of a change: over REST, in a
   * cluster, and as long as the server refuses it.
   */
  readonly tracksReads: boolean;
  /**
   * Whether reads are tracked right now, as a number: 0 when they are not, else the epoch, which is another one after
   * each interruption. A value may be kept in the process from a read on that began and ended in one epoch, until
   * `onInvalidate` names its key or the epoch ends. Reads inside scripts and of `set` with `get` are never tracked.
   */
  readonly trackingEpoch: number;
  /**
   * Calls back with the keys that changed after this engine read them, once for each read however often they changed, or
   * with `null` when any key may have: a flush, or the end of an epoch. An engine without tracking never calls back.
   *
   * It makes no difference who changed a key: another process, Redis itself (an expiry, an eviction), or this engine. Its
   * own writes are reported at any time after they were sent, and often after their reply: who writes a key drops what it
   * kept of it, and does not take the report for news.
   */
  onInvalidate(listener: (keys: readonly string[] | null) => void): Unsubscribe;
  /** The server's clock, milliseconds since the epoch, as last measured. Never waits; this machine's clock until then. */
  now(): number;
  /** Calls back at each change of `status.available`. */
  onAvailability(listener: (available: boolean) => void): Unsubscribe;

  /** Ends the calls in flight with `UnavailableError` and frees everything. May be called twice. */
  close(): Promise<void>;
}

export type EngineKind = 'ioredis' | 'upstash' | 'memory';
export type Bytes = string | Uint8Array;
export type Unsubscribe = () => void;

export interface EngineStatus {
  /** Whether a call made now would be sent. */
  readonly available: boolean;
  /** Why not, in one line, when it is not. */
  readonly reason?: string;
  /** The kind of that reason. */
  readonly fault?: FaultKind;
  /** Set until the first connection was made. */
  readonly neverConnected?: boolean;
  /** What it answers and refuses, although a call would be sent; absent while nothing is known to be refused. */
  readonly refuses?: Refusals;
  /** What the circuit breaker says. But for `closed` calls fail at once; `half-open` is while a new connection is being proven. */
  readonly breaker: 'closed' | 'half-open' | 'open';
  /** What the server refuses and the engine does without; absent where that is nothing. */
  readonly limits?: readonly ServerLimit[];
}

/**
 * What a Redis that is there refuses to everybody for now, by the kind of work: it learns so from the replies to calls and
 * to questions of its own, and forgets it as soon as that work was done again.
 */
export interface Refusals {
  /** Set where Redis serves no reads (it loads its data, its link to its master is gone, access control). */
  readonly reads?: ConnectionFault;
  /** Set where Redis takes no writes (a replica, a full memory or disk, too few replicas, access control). */
  readonly writes?: ConnectionFault;
}

export interface CallOptions {
  /** This call ends within so many milliseconds, whatever happens. Default: the engine's command timeout. */
  readonly deadlineMs?: number;
}

export interface SetOptions {
  /** Time to live in milliseconds; without it the key does not expire. */
  readonly pxMs?: number;
  /** Only when the key does not exist. */
  readonly nx?: boolean;
  /** Reply the value that was there before. */
  readonly get?: boolean;
}

export interface SetReply {
  readonly stored: boolean;
  /** Only with `get`; `null` when there was no key. */
  readonly previous: Buffer | null;
}

export interface ScoredMember {
  readonly member: string;
  readonly score: number;
}

export type SortedSetRange =
  /** By position; negative positions count from the end, both ends included. */
  | { readonly by: 'index'; readonly start: number; readonly stop: number; readonly reverse?: boolean }
  /** By score, both ends included; `-Infinity` and `Infinity` are allowed. `reverse`: from the highest on. */
  | {
      readonly by: 'score';
      readonly min: number;
      readonly max: number;
      readonly limit?: number;
      readonly reverse?: boolean;
    }
  /** By bytes, among members of one score: those greater than `after` (exclusive), at most `limit`. */
  | { readonly by: 'lex'; readonly after?: string; readonly limit: number };

export interface SortedSetPage {
  /** Default: all members. */
  readonly prefix?: string;
  /** From the reply before; absent for the first page. */
  readonly cursor?: string;
  /** About how many members a page looks at (a hint). Default 250. */
  readonly count?: number;
}

export interface SortedSetScanReply {
  readonly members: ScoredMember[];
  /** `null` after the last page. */
  readonly cursor: string | null;
}

export interface StreamEntry {
  readonly id: string;
  readonly fields: ReadonlyMap<string, Buffer>;
}

export type KeyType = 'string' | 'hash' | 'zset' | 'stream';

export interface ScanPage {
  readonly prefix: string;
  readonly type?: KeyType;
  /** From the reply before; absent for the first page. */
  readonly cursor?: string;
  /** About how many keys a page looks at (a hint). Default 250. */
  readonly count?: number;
  /** In a cluster: passes over masters that are away, instead of failing. Default false. */
  readonly skipsAway?: boolean;
}

export interface ScanReply {
  readonly keys: string[];
  /** `null` after the last page. */
  readonly cursor: string | null;
}

/** What a script may reply: nil, an integer, bytes, or an array of these. */
export type ScriptReply = null | number | Buffer | readonly ScriptReply[];

/**
 * A Lua script with a name, and its twin for engines that have no Lua. The contract suite proves both equal.
 * `Reply` is a promise of the script's author, checked by that suite.
 */
export interface Script<Reply extends ScriptReply = ScriptReply> {
  readonly name: string;
  readonly lua: string;
  /**
   * Whether it may be run again with the same arguments after a lost reply, whatever others have done in between: it looks before
   * it writes, or what it does twice harms nobody.
   */
  readonly idempotent: boolean;
  readonly twin: ScriptTwin<Reply>;
}

export type ScriptTwin<Reply extends ScriptReply> = (
  store: TwinStore,
  keys: readonly string[],
  args: readonly Buffer[],
) => Reply;

/**
 * What a twin may do: the synchronous core of the memory engine. Calls have the meaning of the Redis commands of these
 * names, and throw `WrongTypeError` as those reply WRONGTYPE.
 */
export interface TwinStore {
  /** Milliseconds since the epoch: what `redis.call('TIME')` says to a script. */
  now(): number;
  get(key: string): Buffer | null;
  exists(key: string): boolean;
  set(key: string, value: Bytes, pxMs?: number): void;
  del(key: string): boolean;
  pexpire(key: string, ttlMs: number): boolean;
  pttl(key: string): number | null | undefined;
  hget(key: string, field: string): Buffer | null;
  hset(key: string, field: string, value: Bytes): boolean;
  hincrby(key: string, field: string, by: number): number;
  hdel(key: string, field: string): boolean;
  hlen(key: string): number;
  zadd(key: string, member: string, score: number): boolean;
  zscore(key: string, member: string): number | null;
  zrange(key: string, range: SortedSetRange): ScoredMember[];
  zrem(key: string, member: string): boolean;
  zcard(key: string): number;
}

/** One operation of a batch, named after the method that it stands for. */
export type BatchOperation =
  | { readonly op: 'get'; readonly key: string }
  | { readonly op: 'mget'; readonly keys: readonly string[] }
  | ({ readonly op: 'set'; readonly key: string; readonly value: Bytes } & Omit<SetOptions, 'get'>)
  | { readonly op: 'del'; readonly keys: readonly string[] }
  | { readonly op: 'pexpire'; readonly key: string; readonly ttlMs: number }
  | { readonly op: 'pttl'; readonly key: string }
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

export type BatchReply = null | boolean | number | undefined | Buffer | readonly (Buffer | null)[] | ScriptReply;

export type BatchResult =
  | { readonly ok: true; readonly value: BatchReply }
  | { readonly ok: false; readonly error: Error };
