import type { HostAndPort, RedisTarget } from './connection.ts';

/** What keeps a connection from being made, or ended it, as far as its errors tell. */
export type FaultKind =
  /** Nothing listens there. */
  | 'refused'
  | 'unresolved'
  | 'unreachable'
  /** It takes connections, or swallows them, and says nothing. */
  | 'silent'
  /** It ended the connection. */
  | 'closed'
  | 'not-redis'
  /** It does not know `HELLO`, or `AUTH` with a user. */
  | 'too-old'
  /** TLS is wanted here and not spoken there. */
  | 'no-tls'
  /** Its certificate, or the one that it demands of its clients. */
  | 'certificate'
  | 'password-wanted'
  | 'password-refused'
  /** Access control (ACL, protected mode) does not let this user do what is needed. */
  | 'forbidden'
  | 'no-database'
  | 'full'
  /** More requests than its plan allows (Upstash): it refuses all of them for a time. */
  | 'over-quota'
  /** It is there, and serves nobody now: it loads its data, or has lost its master. */
  | 'not-ready'
  /** It is a replica: it serves reads and refuses writes. */
  | 'read-only'
  /** It refuses writes, because it could not save its data (a full disk). */
  | 'not-persisting'
  /** It refuses writes, because fewer replicas follow it than it was told to insist on. */
  | 'too-few-replicas'
  /** It refuses what takes memory. */
  | 'out-of-memory'
  | 'other';

export interface ConnectionFault {
  readonly kind: FaultKind;
  /** One line: the address (never a password), what is wrong, and what to do where that is known. */
  readonly reason: string;
}

/** The reason of a connection whose first attempt has not come to an end. */
export const notConnectedYet = 'not connected yet';

/** The Redis is there and does not let us in: a mistake in somebody's configuration, and no outage. */
export function isAccessRefused(kind: FaultKind | undefined): boolean {
  return kind === 'password-wanted' || kind === 'password-refused' || kind === 'forbidden';
}

/** Of an error, its codes and its text say different amounts; the first pattern that fits decides. */
const patterns: readonly (readonly [RegExp, FaultKind])[] = [
  [/\bNOAUTH\b/, 'password-wanted'],
  [/\bWRONGPASS\b|invalid password|Unauthorized|without any password configured/i, 'password-refused'],
  // Up to Redis 7.0 a command inside a script is forbidden without the word.
  [/\bNOPERM\b|^-?DENIED\b|The user executing the script can't/, 'forbidden'],
  [/unknown command .?(HELLO|AUTH)\b|wrong number of arguments for 'auth'/i, 'too-old'],
  [/DB index is out of range|invalid DB index/, 'no-database'],
  [/max number of clients/, 'full'],
  [/max [a-z ]*limit exceeded|max concurrent |rate limit|too many requests|bandwidth (limit|quota)/i, 'over-quota'],
  [/^(LOADING|MASTERDOWN|CLUSTERDOWN|BUSY)\b/, 'not-ready'],
  // A script's error may carry the word of the command that failed inside it.
  [/(^|-)READONLY\b/, 'read-only'],
  [/(^|-)MISCONF\b/, 'not-persisting'],
  [/(^|-)NOREPLICAS\b/, 'too-few-replicas'],
  [/(^|-)OOM\b|\bOOM command not allowed/, 'out-of-memory'],
  [/ECONNREFUSED/, 'refused'],
  [/ENOTFOUND|EAI_AGAIN/, 'unresolved'],
  [/EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN/, 'unreachable'],
  [/WRONG_VERSION_NUMBER|wrong version number|packet length too long|http request/i, 'no-tls'],
  [/CERT|certificate|altname|_TLS_|SSL|UNABLE_TO_VERIFY/i, 'certificate'],
  [
    /ETIMEDOUT|ESOCKETTIMEDOUT|CONNECT_TIMEOUT|connecting took|did not answer in time|not answered for|Socket timeout/,
    'silent',
  ],
  [/Unknown RESP type|Protocol error|not JSON|reply for each command/, 'not-redis'],
  [/ECONNRESET|EPIPE|ECONNABORTED|Connection is closed|socket hang up|other side closed/, 'closed'],
];

/**
 * What an error of a connection means. `wasConnected`: whether this process has been connected there before; then an end
 * without a word is an outage, and otherwise more likely a protocol that the two do not share.
 */
export function explainFault(error: unknown, target: RedisTarget, wasConnected = false): ConnectionFault {
  const kind = faultKindOf(error);
  const { brief } = read(error);
  return { kind, reason: sentence(kind, brief, target, wasConnected) };
}

/** The kind alone; `other` where the error says nothing of a connection. */
export function faultKindOf(error: unknown): FaultKind {
  const { text } = read(error);
  return patterns.find(([pattern]) => pattern.test(text))?.[1] ?? 'other';
}

/** Where a target is, without user and password. */
export function addressOf(target: RedisTarget): string {
  switch (target.kind) {
    case 'standalone':
      return `${schemeOf(target)}${hostAndPort(target)}`;
    case 'sentinel':
      return `${schemeOf(target)}${target.masterName} (of the sentinels ${target.sentinels.map(hostAndPort).join(', ')})`;
    case 'cluster':
      return `the cluster ${target.nodes.map((node) => schemeOf(target) + hostAndPort(node)).join(', ')}`;
    case 'upstash':
      return new URL(target.url).origin;
    case 'memory':
      return 'memory';
  }
}

function sentence(kind: FaultKind, brief: string, target: RedisTarget, wasConnected: boolean): string {
  const at = addressOf(target);
  // The library keeps the reasons of single nodes and sentinels to itself.
  if (!wasConnected && (kind === 'closed' || kind === 'silent')) {
    if (target.kind === 'sentinel') {
      return `the sentinels lead to no ${at} (${brief}): check their addresses and password, the name, and the network`;
    }
    if (target.kind === 'cluster') {
      return `no node of ${at} can be reached (${brief}): check that they run, the addresses, TLS or not, and the network`;
    }
  }
  const usesTls = target.kind === 'upstash' || ('tls' in target && target.tls !== undefined);
  switch (kind) {
    case 'refused':
      return `nothing listens at ${at} (${brief}): start Redis there, or correct the address`;
    case 'unresolved':
      return `the host name in ${at} cannot be resolved (${brief}): correct the name, or mend the name service`;
    case 'unreachable':
      return `${at} cannot be reached (${brief}): check the address and the network`;
    case 'silent':
      if (wasConnected) return `${at} does not answer (${brief})`;
      return `${at} does not answer (${brief}): check that it is a Redis${usesTls ? ' that speaks TLS (else redis:// without the second s)' : ''}, and the network`;
    case 'closed':
      if (wasConnected) return `the connection to ${at} was lost (${brief})`;
      return `${at} closes the connection without an answer (${brief}): ${usesTls ? 'check its certificates, and that it is a Redis' : 'it may speak TLS (rediss://), or be no Redis'}`;
    case 'not-redis':
      return `what answers at ${at} is no Redis: correct the address`;
    case 'too-old':
      return `${at} does not know how to log in (${brief}): Holdfast needs Redis 6 or newer`;
    case 'no-tls':
      return `${at} does not speak TLS: use redis:// without the second s, or correct the address`;
    case 'certificate':
      return `the TLS handshake with ${at} failed (${brief}): check the authority, the name in the certificate, and the client certificate`;
    case 'password-wanted':
      return `${at} wants a password, and none is configured (NOAUTH): configure its password`;
    case 'password-refused':
      return target.kind === 'upstash'
        ? `${at} refuses the configured token (${brief}): correct it`
        : `${at} refuses the configured user or password (WRONGPASS): correct them`;
    case 'forbidden':
      return `${at} does not let the configured user in (${brief}): allow it what Holdfast needs (ACL SETUSER)`;
    case 'no-database':
      return `${at} does not have the configured database (${brief}): correct its number`;
    case 'full':
      return `${at} takes no more clients (${brief}): raise its maxclients, or end others`;
    case 'over-quota':
      return `${at} refuses requests beyond its limit (${brief}): raise its plan, or send it fewer`;
    case 'not-ready':
      return `${at} is not ready (${brief})`;
    case 'read-only':
      return `${at} is a replica and refuses writes (READONLY): let the address lead to the primary`;
    case 'not-persisting':
      return `${at} cannot save its data and refuses writes (MISCONF): mend its disk, its log says what is wrong`;
    case 'too-few-replicas':
      return `${at} has too few replicas and refuses writes (NOREPLICAS): bring them back, or lower min-replicas-to-write`;
    case 'out-of-memory':
      return `${at} is out of memory and refuses writes (OOM): raise its maxmemory, or let it evict (maxmemory-policy)`;
    case 'other':
      return `${at}: ${brief}`;
  }
}

/** `text` is what tells kinds apart; `brief` is what a person is shown of it: a code where there is one. */
function read(error: unknown): { readonly text: string; readonly brief: string } {
  // All addresses of a name, or all nodes of a cluster, failed: the first says it.
  if (error instanceof AggregateError && error.errors.length > 0) return read(error.errors[0]);
  if (!(error instanceof Error)) return { text: String(error), brief: firstLine(String(error)) };
  // Of a cluster: "Failed to refresh slots cache." alone helps nobody.
  if ('lastNodeError' in error && error.lastNodeError) return read(error.lastNodeError);
  const { code } = error as { code?: unknown };
  const name = typeof code === 'string' ? code : '';
  const isPlain = /^E(AI_)?[A-Z]+$/.test(name) && name !== 'ETIMEDOUT';
  return { text: `${error.message} ${name}`, brief: isPlain ? name : firstLine(error.message) };
}

/**
 * The text of an error without the arguments of the command that it is about: of one that a server does not know it repeats
 * them, and those of `HELLO … AUTH` end with the password.
 */
export function withoutArguments(text: string): string {
  return text.replace(/,? with args beginning with:.*/s, '');
}

/** Of OpenSSL's own texts only the words. Bounded, since some of it is chosen by whoever answers. */
function firstLine(text: string): string {
  const line = withoutArguments(text).split(/[\r\n]/, 1)[0] ?? '';
  return (/^[0-9A-F]+:error:[^:]*:([^:]*:)?[^:]*:([^:]+):/.exec(line)?.[2] ?? line)
    .slice(0, 200)
    .trim()
    .replace(/\.$/, '');
}

function schemeOf(target: { readonly tls?: unknown }): string {
  return target.tls === undefined ? 'redis://' : 'rediss://';
}

function hostAndPort({ host, port }: HostAndPort): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
