import type { Cluster, Redis } from 'ioredis';
import { publishEvent } from '../channels.ts';
import { addressOf as addressOfTarget } from '../connection-fault.ts';
import type { EngineOptions } from '../connection.ts';
import { withDeadline } from '../deadline.ts';
import type { Refusals } from '../engine.ts';
import { UnavailableError } from '../errors.ts';
import type { ServerClock } from '../server-clock.ts';
import type { ServerLimits } from '../server-limits.ts';
import { ClusterMaster } from './cluster-master.ts';
import { addressOf, separateSlots, topologyOf } from './cluster-topology.ts';
import { CLOCK_INTERVAL_MS, PROBE_DEADLINE_MS, PROBE_INTERVAL_MS } from './ioredis-link.ts';

/** A call that was not made, because the master that it is for was known to be away. */
export class MasterAwayError extends UnavailableError {}

export interface MastersOptions {
  readonly engine: EngineOptions;
  readonly limits: ServerLimits;
  /** Called when a master is back: it may be another process, or have been empty. */
  readonly onBack: () => void;
  /** Called when none is left that can be used, with the reason, and with `undefined` when there is one again. */
  readonly onAllAway: (reason: string | undefined) => void;
  /** Called when a master went away or came back, and when slots got other masters. After the calls above. */
  readonly onChange: () => void;
}

/**
 * The masters of a cluster, as many as own slots now, each connected, with a breaker, a probe and a clock of its own. So one
 * that is frozen costs its own slots only, and calls for these fail at once.
 */
export class ClusterMasters {
  readonly #cluster: Cluster;
  readonly #options: MastersOptions;
  readonly #masters = new Map<string, ClusterMaster>();
  readonly #clockTimer: NodeJS.Timeout;
  #clock: ServerClock | undefined;
  #areAllAway = false;
  #areAnyAway = false;
  #fingerprint = '';

  constructor(cluster: Cluster, options: MastersOptions) {
    this.#cluster = cluster;
    this.#options = options;
    // The table of slots was read: at the start, after a redirection, and every two seconds.
    cluster.on('refresh', () => {
      separateSlots(cluster);
      this.#follow();
    });
    this.#clockTimer = setInterval(() => {
      for (const master of this.#masters.values()) {
        if (performance.now() - master.askedAt >= CLOCK_INTERVAL_MS / 2) master.measure().catch(() => undefined);
      }
    }, CLOCK_INTERVAL_MS).unref();
  }

  /**
   * One clock for the whole cluster, so that all processes compare their stamps on the same one: that of the master that
   * comes first by its address, as long as it is one. Other nodes' clocks should agree with it, as in any cluster.
   */
  now(): number {
    return this.#clock === undefined ? Date.now() : this.#clock.now();
  }

  /**
   * Resolves when one of them has answered, and that clock is known or cannot be asked for.
   * @throws UnavailableError when none has, in the time that a probe would give it
   */
  async prove(): Promise<void> {
    if (this.#areAllAway) throw new MasterAwayError('No master of the cluster can be reached.');
    const late = (): Error => new UnavailableError('No master of the cluster did answer in time.');
    const deadlineAt = performance.now() + PROBE_DEADLINE_MS;
    await withDeadline(Promise.race(Array.from(this.#masters.values(), (one) => one.answered)), deadlineAt, late);
    const first = this.#first();
    if (first !== undefined) await withDeadline(first.measured, deadlineAt, late).catch(() => undefined);
  }

  /** The master that owns a slot, where that is known. */
  ownerOf(slot: number): ClusterMaster | undefined {
    const address = this.#cluster.slots[slot]?.[0];
    return address === undefined ? undefined : this.#masters.get(address);
  }

  get areAnyAway(): boolean {
    return this.#areAnyAway;
  }

  /** What any of the masters refuses although it is there; `undefined`: nothing. */
  get refusals(): Refusals | undefined {
    const all = [...this.#masters.values()].map(({ refusals }) => refusals);
    if (all.every((refusals) => refusals === undefined)) return undefined;
    const reads = all.find((refusals) => refusals?.reads !== undefined)?.reads;
    const writes = all.find((refusals) => refusals?.writes !== undefined)?.writes;
    return { ...(reads === undefined ? {} : { reads }), ...(writes === undefined ? {} : { writes }) };
  }

  at(address: string): ClusterMaster | undefined {
    return this.#masters.get(address);
  }

  /**
   * The client's connections to the masters that can be used.
   * @throws MasterAwayError when there is none
   */
  usable(): readonly [Redis, ...Redis[]] {
    const [first, ...others] = this.#cluster
      .nodes('master')
      .filter((node) => this.#masters.get(addressOf(node))?.reason === undefined);
    if (first === undefined) throw new MasterAwayError('No master of the cluster can be reached.');
    return [first, ...others];
  }

  close(): void {
    clearInterval(this.#clockTimer);
    for (const master of this.#masters.values()) master.close();
    this.#masters.clear();
  }

  #follow(): void {
    const { masters, fingerprint } = topologyOf(this.#cluster);
    const haveMoved = fingerprint !== this.#fingerprint;
    this.#fingerprint = fingerprint;
    for (const [address, master] of this.#masters) {
      if (masters.includes(address)) continue;
      this.#masters.delete(address);
      if (master.reason !== undefined) this.#tell(master, { hasLeft: true });
      master.close();
      if (master.refusals !== undefined) this.#tellRefusals();
    }
    for (const address of masters) {
      const master = this.#masters.get(address) ?? this.#add(address);
      const node = this.#cluster.nodes('master').find((one) => addressOf(one) === address);
      if (node !== undefined) master.attach(node);
    }
    this.#assess();
    if (haveMoved) this.#options.onChange();
  }

  #add(address: string): ClusterMaster {
    const { engine } = this.#options;
    const master = new ClusterMaster({
      address,
      probeIntervalMs: engine.probeIntervalMs ?? PROBE_INTERVAL_MS,
      idleProbeIntervalMs: engine.idleProbeIntervalMs,
      probeDeadlineMs: engine.probeDeadlineMs ?? PROBE_DEADLINE_MS,
      commandTimeoutMs: engine.commandTimeoutMs ?? 5000,
      connectionTimeoutMs: engine.connectionTimeoutMs ?? 10_000,
      limits: this.#options.limits,
      onChange: (changed) => this.#changed(changed),
      onRefusals: () => this.#tellRefusals(),
    });
    this.#masters.set(address, master);
    void master.measured.then(() => this.#chooseClock());
    return master;
  }

  #changed(master: ClusterMaster): void {
    this.#tell(master);
    if (master.reason === undefined) {
      this.#options.onBack();
      // The connection for the calls was destroyed: the client makes another one when it reads the table of slots.
      this.#cluster.refreshSlotsCache();
    }
    this.#assess();
    this.#options.onChange();
  }

  #tell({ reason, address }: ClusterMaster, more: { readonly hasLeft?: true } = {}): void {
    publishEvent('holdfast:redis:node', () => ({
      connection: this.#options.engine.name,
      node: address,
      available: reason === undefined,
      ...(reason === undefined ? {} : { reason }),
      ...more,
    }));
  }

  #tellRefusals(): void {
    const { name: connection, target } = this.#options.engine;
    publishEvent('holdfast:redis:refusals', () => ({
      connection,
      address: addressOfTarget(target),
      refuses: this.refusals ?? {},
    }));
  }

  #assess(): void {
    this.#chooseClock();
    const masters = [...this.#masters.values()];
    this.#areAnyAway = masters.some(({ reason }) => reason !== undefined);
    const areAllAway = masters.length > 0 && masters.every(({ reason }) => reason !== undefined);
    if (areAllAway === this.#areAllAway) return;
    this.#areAllAway = areAllAway;
    this.#options.onAllAway(areAllAway ? (masters[0]?.unavailable().message ?? '') : undefined);
  }

  #chooseClock(): void {
    const first = this.#first();
    if (first?.clock.isMeasured === true) this.#clock = first.clock;
  }

  #first(): ClusterMaster | undefined {
    const [address] = [...this.#masters.keys()].toSorted();
    return address === undefined ? undefined : this.#masters.get(address);
  }
}
