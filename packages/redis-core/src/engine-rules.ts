import type {
  ClusterTarget,
  EngineOptions,
  MemoryTarget,
  RedisTarget,
  SentinelTarget,
  StandaloneTarget,
  TlsOptions,
  UpstashTarget,
} from './connection.ts';
import type { CallOptions, SetOptions } from './engine.ts';
import {
  anything,
  checkOption,
  checkOptions,
  flag,
  milliseconds,
  oneOf,
  type OptionRules,
  text,
  wholeNumber,
} from './option-rules.ts';

const engine: OptionRules<EngineOptions> = {
  name: text,
  target: anything,
  connectionTimeoutMs: milliseconds(1),
  commandTimeoutMs: milliseconds(1),
  retryAttempts: wholeNumber(0, 1000),
  retryDelayMs: milliseconds(),
  probeIntervalMs: milliseconds(),
  idleProbeIntervalMs: milliseconds(1),
  probeDeadlineMs: milliseconds(1),
  ownKey: text,
  tracking: flag,
  trackingHeartbeatMs: milliseconds(1),
};

const port = wholeNumber(1, 65_535);
const bytes = wholeNumber(0);
const kind = oneOf('standalone', 'sentinel', 'cluster', 'upstash', 'memory');
const credentials = { username: text, password: text };
const standalone: OptionRules<StandaloneTarget> = {
  kind,
  host: text,
  port,
  db: wholeNumber(0),
  tls: anything,
  ...credentials,
};
const sentinel: OptionRules<SentinelTarget> = {
  kind,
  sentinels: anything,
  masterName: text,
  db: wholeNumber(0),
  tls: anything,
  sentinelPassword: text,
  ...credentials,
};
const cluster: OptionRules<ClusterTarget> = { kind, nodes: anything, tls: anything, ...credentials };
const upstash: OptionRules<UpstashTarget> = { kind, url: text, token: text };
const memory: OptionRules<MemoryTarget> = {
  kind,
  maxBytes: bytes,
  eviction: oneOf('allkeys-lru', 'noeviction'),
};
const tls: OptionRules<TlsOptions> = { ca: text, cert: text, key: text, serverName: text, rejectUnauthorized: flag };
const address = { host: text, port };

/** @throws OptionInvalidError */
export function checkEngineOptions(options: EngineOptions): void {
  checkOptions('createEngine', options, engine);
  checkTarget(options.target);
}

/** @throws OptionInvalidError */
export function checkTarget(target: RedisTarget): void {
  const owner = 'the target';
  checkOption(owner, 'kind', target.kind, kind);
  if (target.kind === 'standalone') checkOptions(owner, target, standalone);
  if (target.kind === 'sentinel') checkOptions(owner, target, sentinel);
  if (target.kind === 'cluster') checkOptions(owner, target, cluster);
  if (target.kind === 'upstash') checkOptions(owner, target, upstash);
  if (target.kind === 'memory') checkOptions(owner, target, memory);
  if ('tls' in target && target.tls !== undefined) checkOptions('tls', target.tls, tls);
  const hosts = target.kind === 'sentinel' ? target.sentinels : target.kind === 'cluster' ? target.nodes : [];
  for (const one of hosts) checkOptions('a host of the target', one, address);
}

const deadline = milliseconds(1);
const expiry = wholeNumber(1);
const call: OptionRules<CallOptions> = { deadlineMs: deadline };
const set: OptionRules<SetOptions & CallOptions> = { pxMs: expiry, nx: flag, get: flag, ...call };

/** @throws OptionInvalidError */
export function checkSet(options: SetOptions & CallOptions): void {
  checkOptions('set', options, set);
}

/** How long a call may take. @throws OptionInvalidError */
export function deadlineMsOf(options: CallOptions | undefined, otherwise: number): number {
  if (options?.deadlineMs === undefined) return otherwise;
  checkOption('a call', 'deadlineMs', options.deadlineMs, deadline);
  return options.deadlineMs;
}
