import type {
  BatchOperation,
  BatchResult,
  Bytes,
  CallOptions,
  EngineKind,
  EngineStatus,
  RedisEngine,
  ScanPage,
  ScanReply,
  ScoredMember,
  Script,
  ScriptReply,
  SetOptions,
  SetReply,
  SortedSetPage,
  SortedSetRange,
  SortedSetScanReply,
  StreamEntry,
  Unsubscribe,
} from '../engine.ts';
import { checkSet } from '../engine-rules.ts';
import * as commands from '../command.ts';
import type { Command } from '../command.ts';

/**
 * An engine that speaks Redis commands: it has to send one, send many, and subscribe. What the commands are and how
 * their replies are read is the same for all of them and written in `command.ts`.
 */
export abstract class CommandEngine implements RedisEngine {
  abstract readonly kind: EngineKind;
  abstract readonly status: EngineStatus;
  abstract readonly tracksReads: boolean;
  abstract readonly trackingEpoch: number;
  noteRefusal?(key: string, reply: string): void;
  slotOf?(key: string): number;
  slotsAway?(): readonly number[];
  onSlots?(listener: () => void): Unsubscribe;

  protected abstract send<Reply>(command: Command<Reply>, options: CallOptions | undefined): Promise<Reply>;
  protected abstract sendAll(list: readonly Command<unknown>[], options?: CallOptions): Promise<BatchResult[]>;
  abstract subscribe(channel: string, listener: (message: Buffer) => void): Promise<Unsubscribe>;
  abstract onInvalidate(listener: (keys: readonly string[] | null) => void): Unsubscribe;
  abstract onAvailability(listener: (available: boolean) => void): Unsubscribe;
  abstract now(): number;
  abstract close(): Promise<void>;

  get(key: string, options?: CallOptions): Promise<Buffer | null> {
    return this.send(commands.get(key), options);
  }

  async mget(keys: readonly string[], options?: CallOptions): Promise<(Buffer | null)[]> {
    return keys.length === 0 ? [] : this.send(commands.mget(keys), options);
  }

  set(key: string, value: Bytes, options?: SetOptions & CallOptions): Promise<SetReply> {
    // Not `async`: a second promise would be a part of what a write costs that can be measured.
    try {
      if (options !== undefined) checkSet(options);
      return this.send(commands.set(key, value, options), options);
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  async del(keys: readonly string[], options?: CallOptions): Promise<number> {
    return keys.length === 0 ? 0 : this.send(commands.del(keys), options);
  }

  async touch(keys: readonly string[], options?: CallOptions): Promise<number> {
    return keys.length === 0 ? 0 : this.send(commands.touch(keys), options);
  }

  pexpire(key: string, ttlMs: number, options?: CallOptions): Promise<boolean> {
    return this.send(commands.pexpire(key, ttlMs), options);
  }

  pttl(key: string, options?: CallOptions): Promise<number | null | undefined> {
    return this.send(commands.pttl(key), options);
  }

  async hget(key: string, fields: readonly string[], options?: CallOptions): Promise<(Buffer | null)[]> {
    return fields.length === 0 ? [] : this.send(commands.hget(key, fields), options);
  }

  hgetall(key: string, options?: CallOptions): Promise<Map<string, Buffer>> {
    return this.send(commands.hgetall(key), options);
  }

  async hset(key: string, fields: Readonly<Record<string, Bytes>>, options?: CallOptions): Promise<number> {
    return Object.keys(fields).length === 0 ? 0 : this.send(commands.hset(key, fields), options);
  }

  hincrby(key: string, field: string, by: number, options?: CallOptions): Promise<number> {
    return this.send(commands.hincrby(key, field, by), options);
  }

  async hdel(key: string, fields: readonly string[], options?: CallOptions): Promise<number> {
    return fields.length === 0 ? 0 : this.send(commands.hdel(key, fields), options);
  }

  async zadd(key: string, members: readonly ScoredMember[], options?: CallOptions): Promise<number> {
    return members.length === 0 ? 0 : this.send(commands.zadd(key, members), options);
  }

  zrange(key: string, range: SortedSetRange, options?: CallOptions): Promise<ScoredMember[]> {
    return this.send(commands.zrange(key, range), options);
  }

  async zrem(key: string, members: readonly string[], options?: CallOptions): Promise<number> {
    return members.length === 0 ? 0 : this.send(commands.zrem(key, members), options);
  }

  zscan(key: string, page: SortedSetPage, options?: CallOptions): Promise<SortedSetScanReply> {
    return this.send(commands.zscan(key, page), options);
  }

  zcard(key: string, options?: CallOptions): Promise<number> {
    return this.send(commands.zcard(key), options);
  }

  xadd(
    key: string,
    fields: Readonly<Record<string, Bytes>>,
    options?: { readonly maxLength?: number } & CallOptions,
  ): Promise<string> {
    return this.send(commands.xadd(key, fields, options?.maxLength), options);
  }

  xrange(
    key: string,
    range: { readonly after?: string; readonly count: number },
    options?: CallOptions,
  ): Promise<StreamEntry[]> {
    return this.send(commands.xrange(key, range), options);
  }

  scan(page: ScanPage, options?: CallOptions): Promise<ScanReply> {
    return this.send(commands.scan(page.cursor ?? '0', page), options);
  }

  dbsize(options?: CallOptions): Promise<number> {
    return this.send(commands.dbsize(), options);
  }

  time(options?: CallOptions): Promise<number> {
    return this.send(commands.time(), options);
  }

  info(options?: CallOptions): Promise<Readonly<Record<string, string>>> {
    return this.send(commands.info(), options);
  }

  publish(channel: string, message: Bytes, options?: CallOptions): Promise<number> {
    return this.send(commands.publish(channel, message), options);
  }

  run<Reply extends ScriptReply>(
    script: Script<Reply>,
    keys: readonly string[],
    args: readonly Bytes[],
    options?: CallOptions,
  ): Promise<Reply> {
    return this.send(commands.run(script, keys, args), options);
  }

  async batch(operations: readonly BatchOperation[], options?: CallOptions): Promise<BatchResult[]> {
    return operations.length === 0 ? [] : this.sendAll(operations.map(commands.fromOperation), options);
  }
}
