import type { RedisTarget, TlsOptions } from '@holdfast/redis-core';
import type { ProblemList } from './errors.ts';
import type { Environment } from './read-environment.ts';
import type { RedisAddress } from './redis-url.ts';
import type { Mode, QueueTarget } from './types.ts';

export interface Targets {
  readonly cache: RedisTarget;
  readonly durable: RedisTarget;
  readonly queue: QueueTarget | null;
}

const memory: Targets = { cache: { kind: 'memory' }, durable: { kind: 'memory' }, queue: null };

/** Where cache, durable data and queue live in `mode`. Where a variable is wrong, its problem is noted already. */
export function redisTargets(mode: Mode, environment: Environment, problems: ProblemList): Targets {
  if (mode === 'embedded') return memory;
  const { values } = environment;
  const separate = values.QUEUE_REDIS_URL && standalone(values.QUEUE_REDIS_URL, certificates(environment), {});
  if (mode === 'upstash') {
    const { url, token } = restAddress(environment);
    if (url === undefined || token === undefined) return memory;
    const rest = { kind: 'upstash', url, token } as const;
    // The token of the REST interface is the password of the database.
    const wire = {
      kind: 'standalone',
      host: hostOf(url),
      port: 6379,
      username: 'default',
      password: token,
      tls: {},
    } as const;
    return { cache: rest, durable: separate ?? rest, queue: separate ?? wire };
  }
  const cache = redisTarget(environment, problems);
  return cache === undefined ? memory : { cache, durable: separate ?? cache, queue: separate ?? cache };
}

function restAddress({ values }: Environment): { readonly url?: string; readonly token?: string } {
  const url = values.UPSTASH_REDIS_REST_URL ?? values.REDIS_REST_URL;
  const token = values.UPSTASH_REDIS_REST_TOKEN ?? values.REDIS_REST_TOKEN;
  return { ...(url !== undefined && { url }), ...(token !== undefined && { token }) };
}

function redisTarget(environment: Environment, problems: ProblemList): QueueTarget | undefined {
  const { values, given } = environment;
  const credentials = {
    ...(values.REDIS_USERNAME !== undefined && { username: values.REDIS_USERNAME }),
    ...(values.REDIS_PASSWORD !== undefined && { password: values.REDIS_PASSWORD }),
  };
  const secure = values.REDIS_TLS === true ? { tls: certificates(environment) } : {};
  const database = values.REDIS_DB === undefined ? {} : { db: values.REDIS_DB };
  if (values.REDIS_CLUSTER_NODES !== undefined) {
    if ((values.REDIS_DB ?? 0) !== 0) problems.add('REDIS_DB', 'a cluster has the database 0 only', '0');
    return { kind: 'cluster', nodes: values.REDIS_CLUSTER_NODES, ...credentials, ...secure };
  }
  if (values.REDIS_SENTINELS !== undefined) {
    return {
      kind: 'sentinel',
      sentinels: values.REDIS_SENTINELS,
      masterName: values.REDIS_SENTINEL_NAME ?? 'mymaster',
      ...(values.REDIS_SENTINEL_PASSWORD !== undefined && { sentinelPassword: values.REDIS_SENTINEL_PASSWORD }),
      ...database,
      ...credentials,
      ...secure,
    };
  }
  if (values.REDIS_URL !== undefined) return standalone(values.REDIS_URL, certificates(environment), credentials);
  if (given.has('REDIS_URL') || values.REDIS_HOST === undefined) return undefined;
  return {
    kind: 'standalone',
    host: values.REDIS_HOST,
    port: values.REDIS_PORT ?? 6379,
    ...database,
    ...credentials,
    ...secure,
  };
}

function standalone(
  address: RedisAddress,
  certificates: TlsOptions,
  credentials: { readonly username?: string; readonly password?: string },
): QueueTarget {
  const { tls, ...rest } = address;
  return { kind: 'standalone', ...credentials, ...rest, ...(tls && { tls: certificates }) };
}

function certificates({ values }: Environment): TlsOptions {
  return {
    ...(values.REDIS_TLS_CA !== undefined && { ca: values.REDIS_TLS_CA }),
    ...(values.REDIS_TLS_CERT !== undefined && { cert: values.REDIS_TLS_CERT }),
    ...(values.REDIS_TLS_KEY !== undefined && { key: values.REDIS_TLS_KEY }),
    ...(values.REDIS_TLS_SERVERNAME !== undefined && { serverName: values.REDIS_TLS_SERVERNAME }),
    ...(values.REDIS_TLS_REJECT_UNAUTHORIZED !== undefined && {
      rejectUnauthorized: values.REDIS_TLS_REJECT_UNAUTHORIZED,
    }),
  };
}

function hostOf(url: string): string {
  return new URL(url).hostname.replace(/^\[(.*)\]$/, '$1');
}
