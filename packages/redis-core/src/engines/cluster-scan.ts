import type { Cluster } from 'ioredis';
import * as commands from '../command.ts';
import type { Command } from '../command.ts';
import type { CallOptions, ScanPage, ScanReply } from '../engine.ts';
import { AccessRefusedError, CommandError, UnavailableError } from '../errors.ts';
import type { ClusterMasters } from './cluster-masters.ts';
import { parseScanCursor, type ScanProgress, scanCursor } from './cluster-scan-cursor.ts';
import { disturbedSlots } from './cluster-slot-moves.ts';
import { topologyOf } from './cluster-topology.ts';

export interface ClusterScanOptions {
  readonly cluster: Cluster;
  readonly masters: ClusterMasters;
  readonly send: <Reply>(command: Command<Reply>, options: CallOptions | undefined) => Promise<Reply>;
}

/** A scan during which more slots got another owner than that begins anew. */
const MAX_DISTURBED = 500;
/** Slots that one page reads by themselves. */
const SLOTS_A_PAGE = 16;
/** Keys of one slot that are read at once. More of them, while the slot is being moved, would be too long a reply. */
const MAX_SLOT_KEYS = 50_000;
/** How many tables of slots are remembered, for the scans that began with them. */
const KNOWN_TABLES = 16;

/**
 * Scans master after master. A slot that is moved meanwhile may have its keys where the scan has been already, so at the end of
 * the walk the masters are asked which slots they give and take, and these slots, and those whose owner has changed since the
 * scan began, are read by themselves. Keys may come twice, and none is missed that exists all the time.
 *
 * The cursor holds all that the scan knows, so that any process can go on with it.
 */
export class ClusterScan {
  readonly #options: ClusterScanOptions;
  /** The owners of all slots, by their fingerprint; the newest last. */
  readonly #tables = new Map<string, readonly (string | undefined)[]>();

  constructor(options: ClusterScanOptions) {
    this.#options = options;
  }

  /** @throws CommandError for a cursor that no page had */
  async page(page: ScanPage, options?: CallOptions): Promise<ScanReply> {
    const progress = this.#follow(parseScanCursor(page.cursor));
    if (progress.at === 'moves') return this.#readMoved(progress, page, options);
    const { masters } = topologyOf(this.#options.cluster);
    const at = page.skipsAway === true ? this.#usableFrom(progress.at, masters) : progress.at;
    if (at === undefined) return this.#lookAtMoves(progress, page, [], options);
    const node = masters[at];
    if (node === undefined) {
      if (masters.length > 0) throw new CommandError('ERR invalid cursor');
      throw new UnavailableError('No master of the cluster is known.');
    }
    const command = commands.scan(at === progress.at ? progress.cursor : '0', page);
    const { keys, cursor } = await this.#options.send({ ...command, node }, options);
    if (cursor !== null) return { keys, cursor: scanCursor({ ...progress, at, cursor }) };
    if (at + 1 < masters.length) return { keys, cursor: scanCursor({ ...progress, at: at + 1, cursor: '0' }) };
    return this.#lookAtMoves(progress, page, keys, options);
  }

  /** Takes into account which slots have got another owner since the page before; begins anew where that is too much. */
  #follow(before: ScanProgress | undefined): ScanProgress {
    const { fingerprint, masters } = topologyOf(this.#options.cluster);
    if (before?.owners === fingerprint) return before;
    const now = this.#options.cluster.slots.map((nodes) => nodes?.[0]);
    const then = before === undefined ? undefined : this.#tables.get(before.owners);
    this.#remember(fingerprint, now);
    const anew: ScanProgress = { owners: fingerprint, at: 0, cursor: '0', disturbed: [] };
    // Another process began it, too long ago, or a node came or went: its place among the others says nothing any more.
    if (before === undefined || then === undefined) return anew;
    const owners = new Set(then.filter((owner) => owner !== undefined));
    if (owners.size !== masters.length || masters.some((master) => !owners.has(master))) return anew;
    const changed = [...now.keys()].filter((slot) => now[slot] !== then[slot]);
    const disturbed = [...new Set([...before.disturbed, ...changed])];
    return disturbed.length > MAX_DISTURBED ? anew : { ...before, owners: fingerprint, disturbed };
  }

  #remember(fingerprint: string, owners: readonly (string | undefined)[]): void {
    this.#tables.delete(fingerprint);
    this.#tables.set(fingerprint, owners);
    const [oldest] = this.#tables.keys();
    if (this.#tables.size > KNOWN_TABLES && oldest !== undefined) this.#tables.delete(oldest);
  }

  /** All masters were walked. `keys` are those of the last page. */
  async #lookAtMoves(
    progress: ScanProgress,
    page: ScanPage,
    keys: string[],
    options: CallOptions | undefined,
  ): Promise<ScanReply> {
    const nodes = this.#nodes(page);
    const views = await Promise.all(nodes.map((node) => this.#viewOf(node, options)));
    const table = this.#options.cluster.slots.map((owners) => owners?.[0]);
    const moved = views.flatMap((view, index) => (view === undefined ? [] : disturbedSlots(view, nodes[index], table)));
    // What was walked were the masters as they were known with this page: they may be others by now.
    const followed = this.#follow(progress);
    const isAnew = followed !== progress && followed.at === 0 && followed.cursor === '0';
    if (isAnew) return { keys, cursor: scanCursor(followed) };
    const disturbed = [...new Set([...followed.disturbed, ...moved])];
    if (disturbed.length === 0) return { keys, cursor: null };
    if (disturbed.length <= MAX_DISTURBED) return { keys, cursor: scanCursor({ ...followed, at: 'moves', disturbed }) };
    // The client's own table is an old one.
    this.#options.cluster.refreshSlotsCache();
    return { keys, cursor: scanCursor({ ...followed, at: 0, cursor: '0', disturbed: [] }) };
  }

  /** Reads some of the slots that were moved, wherever their keys are. */
  async #readMoved(progress: ScanProgress, page: ScanPage, options: CallOptions | undefined): Promise<ScanReply> {
    const slots = progress.disturbed.slice(0, SLOTS_A_PAGE);
    const nodes = this.#nodes(page);
    const found = new Set<string>();
    // A key that had left the first node before that was asked has reached the other one before the second round.
    for (let round = 0; round < 2; round += 1) {
      const lists = await Promise.all(
        nodes.flatMap((node) => slots.map((slot) => this.#keysOf(slot, node, page.prefix, options))),
      );
      for (const key of lists.flat()) found.add(key);
    }
    const keys = await this.#ofType([...found], page, options);
    const disturbed = progress.disturbed.slice(SLOTS_A_PAGE);
    return { keys, cursor: disturbed.length === 0 ? null : scanCursor({ ...progress, disturbed }) };
  }

  async #keysOf(slot: number, node: string, prefix: string, options: CallOptions | undefined): Promise<string[]> {
    const keys = await this.#options.send({ ...commands.keysInSlot(slot, MAX_SLOT_KEYS), node }, options);
    if (keys.length === MAX_SLOT_KEYS) {
      throw new UnavailableError(`The slot ${slot}, which is being moved, has too many keys to be read meanwhile.`);
    }
    return keys.filter((key) => key.startsWith(prefix));
  }

  async #ofType(keys: readonly string[], { type }: ScanPage, options: CallOptions | undefined): Promise<string[]> {
    if (type === undefined) return [...keys];
    const types = await Promise.all(keys.map((key) => this.#options.send(commands.type(key), options)));
    return keys.filter((_, index) => types[index] === type);
  }

  /** `undefined` where the user may not ask: then moves are only noticed once they are over. */
  async #viewOf(node: string, options: CallOptions | undefined): Promise<string | undefined> {
    try {
      return await this.#options.send({ ...commands.clusterNodes(), node }, options);
    } catch (error) {
      if (error instanceof AccessRefusedError) return undefined;
      throw error;
    }
  }

  #nodes({ skipsAway }: ScanPage): readonly string[] {
    const { masters } = topologyOf(this.#options.cluster);
    return skipsAway === true
      ? masters.filter((node) => this.#options.masters.at(node)?.reason === undefined)
      : masters;
  }

  /** The place of the first master from `next` on that is not away; `undefined` where there is none. */
  #usableFrom(next: number, masters: readonly string[]): number | undefined {
    const index = masters.findIndex(
      (node, place) => place >= next && this.#options.masters.at(node)?.reason === undefined,
    );
    return index === -1 ? undefined : index;
  }
}
