import type { Address } from './cluster.ts';
import { eventually } from './eventually.ts';
import { freePorts } from './ports.ts';
import { type RedisServer, startRedis } from './redis-server.ts';

export interface StartSentinelOptions {
  /** Password of the sentinels themselves (`requirepass`). */
  readonly sentinelPassword?: string;
}

export interface RedisSentinel {
  readonly masterName: string;
  readonly sentinels: readonly RedisServer[];
  readonly addresses: readonly Address[];
  /** Master and replica, whatever their roles are now. */
  readonly servers: readonly RedisServer[];
  /** The server that the sentinels call master now. */
  master(): Promise<RedisServer>;
  /**
   * Ends the master (SIGKILL unless said otherwise; `SIGSTOP` freezes it) and resolves with the replica that took over,
   * once all sentinels that run agree and it accepts writes.
   */
  failover(signal?: NodeJS.Signals): Promise<RedisServer>;
  /**
   * Asks the sentinels to make the replica master, as for maintenance, and resolves with it once all of them call it so. The
   * old master runs on, and takes writes until they demote it some ten seconds later.
   */
  plannedFailover(): Promise<RedisServer>;
  stop(): Promise<void>;
}

const MASTER_NAME = 'holdfast-master';
/** A master that is silent for so long is down. Shorter ones are overtaken by a busy test machine. */
const DOWN_AFTER_MS = 1000;

/** A set that has not found together by then is started anew. */
const SETTLE_MS = 25_000;
const MAX_STARTS = 4;

/** Starts a master, a replica and three sentinels, and resolves when the sentinels know each other and all of them. */
export async function startSentinel(options: StartSentinelOptions = {}): Promise<RedisSentinel> {
  for (let starts = 1; ; starts += 1) {
    const fixture = await startSet(options);
    try {
      await eventually(() => fixture.assertHealthy(), { intervalMs: 50, timeoutMs: SETTLE_MS });
      return fixture;
    } catch (error) {
      await fixture.stop();
      // A sentinel that was held up for two seconds does nothing for the next thirty (its TILT mode).
      if (starts === MAX_STARTS) throw error;
    }
  }
}

async function startSet(options: StartSentinelOptions): Promise<LocalSentinel> {
  const [masterPort = 0, replicaPort = 0, ...ports] = await freePorts(5);
  const sync = ['--repl-diskless-sync-delay', '0'];
  const master = await startRedis({ port: masterPort, args: sync });
  const replicaOf = ['--replicaof', `${master.host} ${master.port}`];
  const replica = await startRedis({ port: replicaPort, args: [...sync, ...replicaOf] });
  const password = options.sentinelPassword === undefined ? [] : ['--requirepass', options.sentinelPassword];
  const sentinels = await Promise.all(
    ports.map((port) =>
      startRedis({ port, config: sentinelConfig(master, options), args: [...password, '--sentinel'] }),
    ),
  );
  return new LocalSentinel([master, replica], sentinels);
}

class LocalSentinel implements RedisSentinel {
  readonly masterName = MASTER_NAME;
  readonly servers: readonly RedisServer[];
  readonly sentinels: readonly RedisServer[];
  readonly addresses: readonly Address[];

  constructor(servers: readonly RedisServer[], sentinels: readonly RedisServer[]) {
    this.servers = servers;
    this.sentinels = sentinels;
    this.addresses = sentinels.map(({ host, port }) => ({ host, port }));
  }

  async master(): Promise<RedisServer> {
    const named = await Promise.all(
      this.sentinels
        .filter((sentinel) => sentinel.isRunning)
        .map((sentinel) => sentinel.command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER_NAME)),
    );
    const ports = new Set(named.map((address) => (Array.isArray(address) ? Number(address[1]) : 0)));
    const [port] = ports;
    const master = this.servers.find((server) => server.port === port);
    if (ports.size !== 1 || master === undefined) throw new Error('The sentinels do not agree on a master.');
    return master;
  }

  async failover(signal: NodeJS.Signals = 'SIGKILL'): Promise<RedisServer> {
    const before = await this.master();
    await eventually(() => this.assertHealthy(), { intervalMs: 50 });
    if (signal === 'SIGSTOP') before.pause();
    else await before.kill(signal);
    return this.#successorOf(before);
  }

  async plannedFailover(): Promise<RedisServer> {
    const before = await this.master();
    await eventually(() => this.assertHealthy(), { intervalMs: 50 });
    // One that has just got to know the replica may find it no good yet, and says so, or gives up in silence.
    return eventually(async () => {
      await this.sentinels[0]?.command('SENTINEL', 'FAILOVER', MASTER_NAME).catch((error: Error) => {
        if (!error.message.startsWith('INPROG')) throw error;
      });
      return this.#successorOf(before, 10_000);
    });
  }

  #successorOf(before: RedisServer, timeoutMs = 60_000): Promise<RedisServer> {
    return eventually(
      async () => {
        const master = await this.master();
        if (master === before) throw new Error('the sentinels have not switched');
        const role = await master.command('ROLE');
        if (!Array.isArray(role) || role[0] !== 'master') throw new Error('the replica is not promoted yet');
        return master;
      },
      { intervalMs: 50, timeoutMs },
    );
  }

  async stop(): Promise<void> {
    await Promise.all([...this.sentinels, ...this.servers].map((server) => server.stop()));
  }

  /** Each sentinel knows the two others and a replica that could take over. */
  async assertHealthy(): Promise<void> {
    for (const sentinel of this.sentinels.filter(({ isRunning }) => isRunning)) {
      const reply = await sentinel.command('SENTINEL', 'MASTER', MASTER_NAME);
      const fields = Array.isArray(reply) ? reply.map(String) : [];
      const value = (name: string): number => Number(fields[fields.indexOf(name) + 1]);
      if (value('num-other-sentinels') < this.sentinels.length - 1) throw new Error('a sentinel misses another');
      if (value('num-slaves') < 1) throw new Error('a sentinel knows no replica');
    }
    const master = await this.master();
    const running = this.servers.filter((server) => server.isRunning && server !== master);
    for (const replica of running) {
      const info = String(await replica.command('INFO', 'replication'));
      if (!info.includes('master_link_status:up')) throw new Error('a replica is not in sync');
    }
  }
}

function sentinelConfig(master: RedisServer, options: StartSentinelOptions): string {
  return [
    `sentinel monitor ${MASTER_NAME} ${master.host} ${master.port} 2`,
    `sentinel down-after-milliseconds ${MASTER_NAME} ${DOWN_AFTER_MS}`,
    `sentinel failover-timeout ${MASTER_NAME} 6000`,
    `sentinel parallel-syncs ${MASTER_NAME} 1`,
    // Sentinels with a password talk to each other with it.
    ...(options.sentinelPassword === undefined ? [] : [`sentinel sentinel-pass ${options.sentinelPassword}`]),
    '',
  ].join('\n');
}
