import { eventually } from './eventually.ts';
import { freePorts } from './ports.ts';
import { type RedisServer, startRedis } from './redis-server.ts';

/** Redis Cluster has so many slots, whatever the number of its nodes. */
const SLOTS = 16_384;
/** A node that is silent for so long is failing. Shorter ones are overtaken by a busy test machine. */
const NODE_TIMEOUT_MS = 2000;

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface RedisCluster {
  /** All nodes: at the start the masters come first, then their replicas in the same order. */
  readonly nodes: readonly RedisServer[];
  readonly addresses: readonly Address[];
  /** The nodes that are masters now and run. */
  masters(): Promise<RedisServer[]>;
  /** The running master that owns the slot of `key`. */
  masterOf(key: string): Promise<RedisServer>;
  /**
   * Ends `master` (SIGKILL unless said otherwise; `SIGSTOP` freezes it) and resolves with the replica that took over,
   * once all nodes that run agree.
   */
  failover(master: RedisServer, signal?: NodeJS.Signals): Promise<RedisServer>;
  /**
   * Begins to move the slot of `key` to another master, and moves only `first` of its keys. `next` moves more of them, and
   * `end` the rest, and then the slot.
   */
  beginMove(key: string, first?: readonly string[]): Promise<SlotMove>;
  /** Moves the slot of `key` with its keys to another master, as resharding does, and resolves with that master. */
  moveSlotOf(key: string): Promise<RedisServer>;
  stop(): Promise<void>;
}

/** A slot that is being moved: it has keys here and there. */
export interface SlotMove {
  readonly slot: number;
  readonly source: RedisServer;
  readonly target: RedisServer;
  next(keys: readonly string[]): Promise<void>;
  end(): Promise<void>;
}

/** How often other ports are tried where one of twelve was taken by somebody else meanwhile. */
const MAX_STARTS = 5;

/** Six nodes that do not know each other, and the bus port of the first. */
async function startNodes(): Promise<{ readonly nodes: readonly RedisServer[]; readonly busPort: string }> {
  for (let start = 1; ; start += 1) {
    const ports = await freePorts(12);
    // The usual bus port (port + 10 000) may lie beyond 65 535.
    const started = await Promise.allSettled(
      ports.slice(0, 6).map((port, index) => startRedis({ port, args: nodeArguments(ports[6 + index] ?? 0) })),
    );
    const nodes = started.filter((one) => one.status === 'fulfilled').map(({ value }) => value);
    const failed = started.find((one) => one.status === 'rejected');
    if (failed === undefined) return { nodes, busPort: String(ports[6]) };
    await Promise.all(nodes.map((node) => node.stop()));
    if (start === MAX_STARTS || !String(failed.reason).includes('Address already in use')) throw failed.reason;
  }
}

/** Starts three masters and three replicas and resolves when each knows all and serves. Needs Redis ≥ 7. */
export async function startCluster(): Promise<RedisCluster> {
  const { nodes, busPort } = await startNodes();
  const [first, ...others] = nodes;
  if (first === undefined) throw new Error('A cluster needs nodes.');
  const masters = nodes.slice(0, 3);
  await Promise.all([
    ...masters.map((master, index) => master.command('CLUSTER', 'ADDSLOTSRANGE', ...slotsOf(index, masters.length))),
    ...nodes.map((node, index) => node.command('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1))),
    ...others.map((node) => node.command('CLUSTER', 'MEET', first.host, String(first.port), busPort)),
  ]);
  const patience = { intervalMs: 50 };
  await eventually(async () => {
    for (const node of nodes) {
      const known = (await nodeTable(node)).filter((row) => !row.flags.includes('handshake'));
      if (known.length !== nodes.length) throw new Error(`a node knows ${known.length} of ${nodes.length}`);
    }
  }, patience);
  const ids = await Promise.all(nodes.map(async (node) => String(await node.command('CLUSTER', 'MYID'))));
  await Promise.all(nodes.slice(3).map((node, index) => node.command('CLUSTER', 'REPLICATE', ids[index] ?? '')));
  const cluster = new LocalCluster(nodes);
  await eventually(() => cluster.assertHealthy(), patience);
  return cluster;
}

class LocalCluster implements RedisCluster {
  readonly nodes: readonly RedisServer[];
  readonly addresses: readonly Address[];
  readonly #frozen = new Set<RedisServer>();

  constructor(nodes: readonly RedisServer[]) {
    this.nodes = nodes;
    this.addresses = nodes.map(({ host, port }) => ({ host, port }));
  }

  get #alive(): RedisServer[] {
    return this.nodes.filter((node) => node.isRunning && !this.#frozen.has(node));
  }

  async masters(): Promise<RedisServer[]> {
    const [witness] = this.#alive;
    if (witness === undefined) return [];
    const ports = new Set((await nodeTable(witness)).filter(isServingMaster).map(({ port }) => port));
    return this.#alive.filter((node) => ports.has(node.port));
  }

  async masterOf(key: string): Promise<RedisServer> {
    const [witness] = this.#alive;
    const slot = Number(await witness?.command('CLUSTER', 'KEYSLOT', key));
    for (const master of await this.masters()) {
      const own = (await nodeTable(master)).find((row) => row.flags.includes('myself'));
      if (own?.ranges.some(([from, to]) => from <= slot && slot <= to) === true) return master;
    }
    throw new Error(`No running master owns slot ${slot}.`);
  }

  async failover(master: RedisServer, signal: NodeJS.Signals = 'SIGKILL'): Promise<RedisServer> {
    const before = new Set((await this.masters()).map(({ port }) => port));
    // A replica that is not in sync yet would not be elected, or would lack what was acknowledged.
    const patience = { intervalMs: 50 };
    await eventually(() => this.assertHealthy(), patience);
    const { offset } = await replication(master);
    await eventually(() => this.#assertReplicated(master, offset), patience);
    if (signal === 'SIGSTOP') {
      this.#frozen.add(master);
      master.pause();
    } else {
      await master.kill(signal);
    }
    return eventually(
      async () => {
        const views = await Promise.all(this.#alive.map(nodeTable));
        const promoted = this.#alive.find(({ port }) => !before.has(port) && views.every((view) => serves(view, port)));
        if (promoted === undefined) throw new Error('no replica has taken over in the eyes of all');
        return promoted;
      },
      { intervalMs: 50 },
    );
  }

  async moveSlotOf(key: string): Promise<RedisServer> {
    const move = await this.beginMove(key);
    await move.end();
    return move.target;
  }

  async beginMove(key: string, first: readonly string[] = []): Promise<SlotMove> {
    const source = await this.masterOf(key);
    const target = (await this.masters()).find((master) => master !== source);
    if (target === undefined) throw new Error('There is no other master.');
    const slot = String(await source.command('CLUSTER', 'KEYSLOT', key));
    const [sourceId, targetId] = await Promise.all(
      [source, target].map(async (node) => String(await node.command('CLUSTER', 'MYID'))),
    );
    const next = async (names: readonly string[]): Promise<void> => {
      if (names.length === 0) return;
      await source.command('MIGRATE', target.host, String(target.port), '', '0', '5000', 'KEYS', ...names);
    };
    await target.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', sourceId ?? '');
    await source.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', targetId ?? '');
    await next(first);
    const end = async (): Promise<void> => {
      const keys = await source.command('CLUSTER', 'GETKEYSINSLOT', slot, '10000');
      await next(Array.isArray(keys) ? keys.map(String) : []);
      for (const node of [target, source, ...(await this.masters())]) {
        await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', targetId ?? '');
      }
    };
    return { slot: Number(slot), source, target, next, end };
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }

  /** Every replica of `master` has received what it had written when its offset was `offset`. */
  async #assertReplicated(master: RedisServer, offset: number): Promise<void> {
    for (const node of this.#alive) {
      const state = await replication(node);
      const isBehind = state.masterPort === master.port && state.offset < offset;
      if (isBehind) throw new Error('a replica has not received everything');
    }
  }

  async assertHealthy(): Promise<void> {
    for (const node of this.#alive) {
      const state = String(await node.command('CLUSTER', 'INFO'));
      if (!state.includes('cluster_state:ok')) throw new Error('the cluster is not ok');
      const { masterPort, isInSync } = await replication(node);
      if (masterPort !== undefined && !isInSync) throw new Error('a replica is not in sync');
    }
    const slots = await Promise.all(this.#alive.map(nodeTable));
    for (const view of slots) {
      const owned = view.filter(isServingMaster).flatMap(({ ranges }) => ranges);
      const count = owned.reduce((sum, [from, to]) => sum + to - from + 1, 0);
      if (count !== SLOTS) throw new Error(`a node knows the owners of ${count} slots`);
    }
  }
}

interface Replication {
  /** Only of a replica. */
  readonly masterPort: number | undefined;
  readonly isInSync: boolean;
  /** Of a master: what it has written; of a replica: what it has received. */
  readonly offset: number;
}

/** `INFO replication`, as far as it is of use here. */
async function replication(node: RedisServer): Promise<Replication> {
  const info = String(await node.command('INFO', 'replication'));
  const field = (name: string): string | undefined => new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1];
  const isReplica = field('role') === 'slave';
  return {
    masterPort: isReplica ? Number(field('master_port')) : undefined,
    isInSync: field('master_link_status') === 'up',
    offset: Number(field(isReplica ? 'slave_repl_offset' : 'master_repl_offset')),
  };
}

interface NodeRow {
  readonly port: number;
  readonly flags: readonly string[];
  readonly ranges: readonly (readonly [number, number])[];
}

function isServingMaster(row: NodeRow): boolean {
  return row.flags.includes('master') && !row.flags.includes('fail') && row.ranges.length > 0;
}

function serves(view: readonly NodeRow[], port: number): boolean {
  return view.some((row) => row.port === port && isServingMaster(row));
}

/** `CLUSTER NODES`, as far as it is of use here. */
async function nodeTable(node: RedisServer): Promise<NodeRow[]> {
  const text = String(await node.command('CLUSTER', 'NODES'));
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [, address = '', flags = '', , , , , , ...slots] = line.split(' ');
      const ranges = slots
        .filter((range) => !range.startsWith('['))
        .map((range) => {
          const [from = 0, to = from] = range.split('-').map(Number);
          return [from, to] as const;
        });
      return { port: Number(/:(\d+)@/.exec(address)?.[1]), flags: flags.split(','), ranges };
    });
}

function slotsOf(index: number, masters: number): [string, string] {
  const from = Math.floor((SLOTS * index) / masters);
  return [String(from), String(Math.floor((SLOTS * (index + 1)) / masters) - 1)];
}

function nodeArguments(busPort: number): string[] {
  return Object.entries({
    '--cluster-enabled': 'yes',
    '--cluster-config-file': 'nodes.conf',
    '--cluster-port': String(busPort),
    '--cluster-node-timeout': String(NODE_TIMEOUT_MS),
    '--cluster-replica-validity-factor': '0',
    // The other masters go on serving while one is away.
    '--cluster-require-full-coverage': 'no',
    '--repl-diskless-sync-delay': '0',
  }).flat();
}
