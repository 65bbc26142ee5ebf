import calculateSlot from 'cluster-key-slot';
import type { Cluster, Redis } from 'ioredis';
import * as commands from '../command.ts';
import type { Command, CommandName } from '../command.ts';
import type { EngineOptions } from '../connection.ts';
import type {
  BatchOperation,
  BatchReply,
  BatchResult,
  Bytes,
  CallOptions,
  EngineStatus,
  ScanPage,
  ScanReply,
  Script,
  ScriptReply,
  Unsubscribe,
} from '../engine.ts';
import { errorReplies, wordOf } from '../error-replies.ts';
import { NotReadyError, UnavailableError, UnknownOutcomeError } from '../errors.ts';
import type { ClusterMaster } from './cluster-master.ts';
import { ClusterMasters, MasterAwayError } from './cluster-masters.ts';
import { ClusterScan } from './cluster-scan.ts';
import { assertOneSlot, bySlot, joined, splitOperation } from './cluster-split.ts';
import { masterAt, topologyOf } from './cluster-topology.ts';
import { aggregateInfo } from './cluster-info.ts';
import { IoredisEngine } from './ioredis.ts';

/** Commands without a key: any master will do. */
const keyless: ReadonlySet<CommandName> = new Set(['time', 'publish', 'info', 'scan', 'cluster', 'dbsize']);

/** This is about that slot only. */
const SLOT_IS_LOST = 'CLUSTERDOWN Hash slot not served';

/**
 * Redis Cluster. What spans slots is split into a command for each slot, sent at once and joined; it is therefore atomic
 * within a slot only. Each master has a breaker and a probe of its own: calls for the slots of one that is away fail at
 * once, and the others go on. The engine is away when all of them are. Reads are not tracked: each node would need a
 * connection and an epoch of its own.
 */
export class ClusterEngine extends IoredisEngine {
  readonly #masters: ClusterMasters;
  readonly #scan: ClusterScan;
  readonly #slotListeners = new Set<() => void>();

  constructor(options: EngineOptions) {
    super(options);
    this.#masters = new ClusterMasters(this.#cluster, {
      engine: options,
      limits: this.link.limits,
      onBack: () => this.forgetScripts(),
      onAllAway: (reason) => this.link.mastersAway(reason),
      onChange: () => {
        for (const listener of this.#slotListeners) listener();
      },
    });
    this.#scan = new ClusterScan({
      cluster: this.#cluster,
      masters: this.#masters,
      send: (command, callOptions) => this.send(command, callOptions),
    });
    this.link.proveCluster = () => this.#masters.prove();
    // The owner of these slots is gone: ask the others, instead of waiting for the next regular look.
    this.#cluster.on('-node', () => {
      if (this.#cluster.status === 'ready') this.#cluster.refreshSlotsCache();
    });
  }

  override get status(): EngineStatus {
    const { status } = this.link;
    const { refusals } = this.#masters;
    return refusals === undefined || !status.available ? status : { ...status, refuses: refusals };
  }

  override slotOf(key: string): number {
    return calculateSlot(key);
  }

  override slotsAway(): readonly number[] {
    if (!this.#masters.areAnyAway) return [];
    return [...this.#cluster.slots.keys()].filter((slot) => this.#masters.ownerOf(slot)?.reason !== undefined);
  }

  override onSlots(listener: () => void): Unsubscribe {
    this.#slotListeners.add(listener);
    return () => this.#slotListeners.delete(listener);
  }

  override async mget(keys: readonly string[], options?: CallOptions): Promise<(Buffer | null)[]> {
    const [result] = await this.batch([{ op: 'mget', keys }], options);
    return valueOf(result) as (Buffer | null)[];
  }

  /** @throws UnknownOutcomeError when some slots did and others did not; calling again is safe. */
  override async del(keys: readonly string[], options?: CallOptions): Promise<number> {
    const groups = bySlot(keys);
    if (groups.length <= 1) return this.#delOfSlot(keys, options);
    const settled = await Promise.allSettled(groups.map((group) => this.#delOfSlot(group.keys, options)));
    const failed = settled.filter((part) => part.status === 'rejected');
    if (failed.length === 0) {
      return settled.reduce((sum, part) => sum + (part.status === 'fulfilled' ? part.value : 0), 0);
    }
    const cause: unknown = failed[0]?.reason;
    if (failed.length === settled.length || !(cause instanceof UnavailableError)) throw cause;
    throw new UnknownOutcomeError(`Keys in ${failed.length} of ${settled.length} slots were not removed.`, { cause });
  }

  override async touch(keys: readonly string[], options?: CallOptions): Promise<number> {
    const counts = await Promise.all(bySlot(keys).map((group) => super.touch(group.keys, options)));
    return counts.reduce((sum, one) => sum + one, 0);
  }

  /** @throws UnsupportedError when the keys lie in different slots */
  override async run<Reply extends ScriptReply>(
    script: Script<Reply>,
    keys: readonly string[],
    args: readonly Bytes[],
    options?: CallOptions,
  ): Promise<Reply> {
    assertOneSlot(script.name, keys);
    return super.run(script, keys, args, options);
  }

  override async batch(operations: readonly BatchOperation[], options?: CallOptions): Promise<BatchResult[]> {
    const startedAt = performance.now();
    const split = operations.map(splitOperation);
    const all = split.flatMap(({ parts }) => parts);
    const results = [...(await super.batch(all, options))];
    for (const [index, result] of results.entries()) {
      const part = all[index];
      if (part === undefined || result.ok || !isBeingMoved(result.error)) continue;
      if (part.op === 'mget' || part.op === 'del') results[index] = await this.#apart(part, startedAt, options);
    }
    let next = 0;
    return split.map(({ parts, join }) => {
      const own = results.slice(next, next + parts.length);
      next += parts.length;
      return join(own);
    });
  }

  async #delOfSlot(keys: readonly string[], options?: CallOptions): Promise<number> {
    const startedAt = performance.now();
    try {
      return await super.del(keys, options);
    } catch (error) {
      if (!isBeingMoved(error)) throw error;
      return valueOf(await this.#apart({ op: 'del', keys }, startedAt, options)) as number;
    }
  }

  /** Of a slot that is being moved: a command for one key is redirected to wherever that key is. */
  async #apart(
    { op, keys }: { readonly op: 'mget' | 'del'; readonly keys: readonly string[] },
    startedAt: number,
    options: CallOptions = {},
  ): Promise<BatchResult> {
    const leftMs = startedAt + (options.deadlineMs ?? this.timeoutMs) - performance.now();
    const singles = keys.map((key): BatchOperation => ({ op, keys: [key] }));
    const results = await super.batch(singles, { ...options, deadlineMs: Math.max(1, Math.ceil(leftMs)) });
    return joined(results, (values) =>
      op === 'mget' ? (values.flat() as BatchReply) : values.reduce<number>((sum, count) => sum + Number(count), 0),
    );
  }

  /** Master after master, then the slots that were moved meanwhile. */
  override async scan(page: ScanPage, options?: CallOptions): Promise<ScanReply> {
    await this.ready(options);
    return this.#scan.page(page, options);
  }

  override async dbsize(options?: CallOptions): Promise<number> {
    await this.ready(options);
    const { masters } = topologyOf(this.#cluster);
    const parts = await Promise.all(masters.map((node) => this.send({ ...commands.dbsize(), node }, options)));
    return parts.reduce((sum, part) => sum + part, 0);
  }

  /** The sum over all masters of what can be added (memory, keys, clients, commands); the rest as the first says it. */
  override async info(options?: CallOptions): Promise<Readonly<Record<string, string>>> {
    await this.ready(options);
    const { masters } = topologyOf(this.#cluster);
    const parts = await this.informed(
      Promise.all(masters.map((node) => this.send({ ...commands.info(), node }, options))),
    );
    return aggregateInfo(parts);
  }

  override now(): number {
    return this.#masters.now();
  }

  override close(): Promise<void> {
    this.#slotListeners.clear();
    this.#masters.close();
    return super.close();
  }

  /** @throws MasterAwayError when the master that it has to go to is known to be away */
  protected override clientFor(command: Command<unknown>): Redis {
    const { node } = command;
    const master = node === undefined ? this.#ownerOf(command) : this.#masters.at(node);
    if (master?.reason !== undefined) throw new MasterAwayError(master.unavailable().message);
    if (master !== undefined) master.wasUsed = true;
    if (node !== undefined) return masterAt(this.#cluster, node);
    return keyless.has(command.name) ? this.#masters.usable()[0] : this.client;
  }

  /** What was refused at first fails at once; what lost its reply is tried again, unless its master does not answer. */
  protected override isInVain(command: Command<unknown>, error: unknown, retries: number): boolean {
    const wasRefused = error instanceof MasterAwayError && retries === 0;
    const isSplit = isBeingMoved(error) && (command.name === 'mget' || command.name === 'unlink');
    return (
      isSplit || wasRefused || this.#ownerOf(command)?.isFrozen === true || super.isInVain(command, error, retries)
    );
  }

  /**
   * A node that sees no majority, lacks slots that it is told to insist on, or loads its data, refuses all keys: it is as good
   * as away. What it refuses of some kind only, its slots lack.
   */
  protected override refused(command: Command<unknown>, message: string): void {
    const word = wordOf(message);
    const master = command.node === undefined ? this.#ownerOf(command) : this.#masters.at(command.node);
    if (word === undefined || master === undefined) return;
    const { refuses } = errorReplies[word];
    if (refuses === 'writes') master.noted('writes', message);
    else if (refuses === 'command' && !keyless.has(command.name)) {
      master.noted(command.safety === 'read' ? 'reads' : 'writes', message);
    } else if (refuses === 'everything' && !message.startsWith(SLOT_IS_LOST)) master.refused(message);
  }

  /** On those that can be used; one that comes back is told anew. */
  protected override async loadScript(lua: string): Promise<void> {
    const loads = await Promise.allSettled(this.#masters.usable().map((node) => node.script('LOAD', lua)));
    // Of one that fails its own commands tell.
    if (loads.some(({ status }) => status === 'fulfilled')) return;
    throw loads[0]?.status === 'rejected' ? loads[0].reason : new UnavailableError('No master took the script.');
  }

  #ownerOf({ name, args, keyAt = 0 }: Command<unknown>): ClusterMaster | undefined {
    const key = args[keyAt];
    if (keyless.has(name) || key === undefined) return undefined;
    return this.#masters.ownerOf(calculateSlot(String(key)));
  }

  get #cluster(): Cluster {
    return this.client as unknown as Cluster;
  }
}

/**
 * Some of the keys of one command are here and some are there. The client sends such a command again to a node that it
 * picks by chance, so what it gives up with is TRYAGAIN of the owner as often as MOVED of another node.
 */
function isBeingMoved(error: unknown): boolean {
  if (!(error instanceof NotReadyError)) return false;
  return error.message.startsWith('TRYAGAIN') || isOutOfRedirections(error.cause);
}

function isOutOfRedirections(cause: unknown): boolean {
  return cause instanceof Error && cause.message.startsWith('Too many Cluster redirections');
}

function valueOf(result: BatchResult | undefined): unknown {
  if (result === undefined) throw new UnknownOutcomeError('There is no result.');
  if (!result.ok) throw result.error;
  return result.value;
}
