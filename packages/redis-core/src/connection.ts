/** How an engine reaches its Redis; what `createEngine` takes and what the configuration produces. */
export interface EngineOptions {
  /** Appears in connection names, metrics and errors: `cache`, `durable`. */
  readonly name: string;
  readonly target: RedisTarget;
  /** How long one attempt to connect may take. Default 10 000. */
  readonly connectionTimeoutMs?: number;
  /** Deadline of a command without one of its own. Default 5 000. */
  readonly commandTimeoutMs?: number;
  /** How often an idempotent command is tried again within its deadline. Default 3. */
  readonly retryAttempts?: number;
  /** The longest wait between two tries. Default 1 000. */
  readonly retryDelayMs?: number;
  /**
   * After so much silence Redis is asked for its TIME, so that a frozen one is noticed within a second whatever the
   * other time-outs are. Default 250: at most 120 commands a minute, 2 on a busy connection. One that nobody uses and that
   * tracks no reads is asked every 5 s, until the next call. 0 switches it off. In a cluster each master is asked by itself.
   */
  readonly probeIntervalMs?: number;
  /**
   * A connection is then watched as closely only while a call waits for its answer, and otherwise, also where it tracks reads,
   * asked after so much silence: a frozen Redis is noticed so late, or within a second of the next call. Default: it is watched
   * closely until nobody has used it for 5 s, and as long as it tracks reads.
   */
  readonly idleProbeIntervalMs?: number;
  /** How long Redis may take to answer that before the connection is given up. Default 400. */
  readonly probeDeadlineMs?: number;
  /**
   * A key that nobody uses. On each new connection it is removed, which shows whether the user may write such keys (ACL);
   * where not, the Redis counts as one that refuses access. Default: nothing is asked. Not in a cluster, nor over REST.
   */
  readonly ownKey?: string;
  /**
   * Whether reads may be tracked, so that they can be kept in the process. Default true. Costs nothing until somebody
   * calls `onInvalidate`; then a second connection, and PING on it, about 100 a minute at the default heartbeat.
   */
  readonly tracking?: boolean;
  /** How long the connection that reports invalidations may be silent before it is given up. Default 1 000. */
  readonly trackingHeartbeatMs?: number;
}

export type RedisTarget = StandaloneTarget | SentinelTarget | ClusterTarget | UpstashTarget | MemoryTarget;

export interface MemoryTarget {
  readonly kind: 'memory';
  /** Bytes of keys and values that it may hold. Default 256 MiB. */
  readonly maxBytes?: number;
  /** What happens at `maxBytes`. Default `allkeys-lru`; a durable store wants `noeviction`. */
  readonly eviction?: 'allkeys-lru' | 'noeviction';
}

export interface StandaloneTarget extends RedisCredentials {
  readonly kind: 'standalone';
  readonly host: string;
  readonly port: number;
  readonly db?: number;
  readonly tls?: TlsOptions;
}

export interface SentinelTarget extends RedisCredentials {
  readonly kind: 'sentinel';
  readonly sentinels: readonly HostAndPort[];
  readonly masterName: string;
  readonly db?: number;
  readonly tls?: TlsOptions;
  readonly sentinelPassword?: string;
}

export interface ClusterTarget extends RedisCredentials {
  readonly kind: 'cluster';
  readonly nodes: readonly HostAndPort[];
  readonly tls?: TlsOptions;
}

export interface UpstashTarget {
  readonly kind: 'upstash';
  readonly url: string;
  readonly token: string;
}

export interface RedisCredentials {
  readonly username?: string;
  readonly password?: string;
}

export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

/** PEM texts, not file names. */
export interface TlsOptions {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** Server name for SNI and verification. */
  readonly serverName?: string;
  /** Only for development. Default true. */
  readonly rejectUnauthorized?: boolean;
}
