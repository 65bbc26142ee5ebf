import type { ProblemList } from './errors.ts';
import { isKeyOf } from './pem.ts';
import type { Environment } from './read-environment.ts';
import type { Mode } from './types.ts';
import type { BaseVariableName } from './variables.ts';

const topologies = ['REDIS_URL', 'REDIS_SENTINELS', 'REDIS_CLUSTER_NODES'] as const satisfies BaseVariableName[];
const addresses = [...topologies, 'REDIS_HOST'] as const satisfies BaseVariableName[];
const hostOnly = [
  'REDIS_PORT',
  'REDIS_USERNAME',
  'REDIS_PASSWORD',
  'REDIS_DB',
  'REDIS_TLS',
] as const satisfies BaseVariableName[];
const restUrls = ['UPSTASH_REDIS_REST_URL', 'REDIS_REST_URL'] as const satisfies BaseVariableName[];
const restTokens = ['UPSTASH_REDIS_REST_TOKEN', 'REDIS_REST_TOKEN'] as const satisfies BaseVariableName[];

/**
 * What Holdfast runs on: REDIS_ENGINE where it is set; otherwise a Redis; otherwise a REST URL with its token;
 * otherwise embedded. Notes what contradicts itself, and what would silently be ignored.
 */
export function chooseMode(environment: Environment, problems: ProblemList, warnings: string[]): Mode {
  const { values } = environment;
  const has = (names: readonly BaseVariableName[]): boolean => names.some((name) => environment.given.has(name));
  const mode = modeOf(environment, has);

  if (mode === 'redis') {
    if (!has(addresses)) problems.add('REDIS_ENGINE', 'ioredis needs a Redis', `set one of ${addresses.join(', ')}`);
    if (values.REDIS_ENGINE === undefined && has(restUrls)) {
      warnings.push(
        'A Redis and a REST URL are configured: the Redis is used (REDIS_ENGINE=upstash chooses the other)',
      );
    }
    checkTopology(environment, problems, warnings);
  } else if (mode === 'upstash') {
    if (!has(restUrls)) problems.add(restUrls[0], 'is needed for the upstash engine', 'an https:// URL');
    if (!has(restTokens)) problems.add(restTokens[0], 'is needed with the REST URL', 'the token of the database');
  } else {
    checkEmbedded(environment, has, problems);
  }
  if (mode !== 'embedded') checkClientCertificate(environment, problems);
  checkAliases(environment, restUrls, problems);
  checkAliases(environment, restTokens, problems);
  return mode;
}

function modeOf({ values }: Environment, has: (names: readonly BaseVariableName[]) => boolean): Mode {
  if (values.REDIS_ENGINE === 'memory') return 'embedded';
  if (values.REDIS_ENGINE === 'ioredis') return 'redis';
  if (values.REDIS_ENGINE === 'upstash') return 'upstash';
  if (has(addresses)) return 'redis';
  return has(restUrls) ? 'upstash' : 'embedded';
}

function checkTopology({ values, given }: Environment, problems: ProblemList, warnings: string[]): void {
  const chosen = topologies.filter((name) => given.has(name));
  if (chosen.length > 1) problems.add(chosen.join(', '), 'exclude each other', 'one of them');
  if (chosen.length > 0 && given.has('REDIS_HOST'))
    warnings.push(`REDIS_HOST is not used, because ${chosen[0]} is set`);
  const url = chosen[0] === 'REDIS_URL' ? values.REDIS_URL : undefined;
  if (url !== undefined) {
    // A password in two places is a half-finished rotation: refuse to guess.
    if (url.password !== undefined && given.has('REDIS_PASSWORD') && values.REDIS_PASSWORD !== url.password) {
      problems.add('REDIS_PASSWORD', 'differs from the password in REDIS_URL', 'the password in one place');
    }
    if (given.has('REDIS_DB') && values.REDIS_DB !== url.db) {
      problems.add('REDIS_DB', 'differs from the database in REDIS_URL', 'the database in REDIS_URL only');
    }
    if (values.REDIS_TLS === true && !url.tls) {
      problems.add('REDIS_TLS', 'REDIS_URL is redis:, which has no TLS', 'a rediss: URL');
    }
    if (values.REDIS_TLS === false && url.tls)
      problems.add('REDIS_TLS', 'REDIS_URL is rediss:', 'a redis: URL, or true');
  }
  const secure = values.REDIS_TLS === true || url?.tls === true || values.QUEUE_REDIS_URL?.tls === true;
  if (!secure && (given.has('REDIS_TLS_CA') || given.has('REDIS_TLS_CERT'))) {
    // Somebody believes that this connection is encrypted.
    problems.add('REDIS_TLS', 'certificates are configured, but no connection uses TLS', 'true, or a rediss: URL');
  }
  if (values.REDIS_TLS_REJECT_UNAUTHORIZED === false) {
    warnings.push('REDIS_TLS_REJECT_UNAUTHORIZED is false: the Redis server is not verified');
  }
}

function checkClientCertificate({ values, given }: Environment, problems: ProblemList): void {
  if (given.has('REDIS_TLS_CERT') !== given.has('REDIS_TLS_KEY')) {
    problems.add('REDIS_TLS_CERT, REDIS_TLS_KEY', 'only one of the two is set', 'both or none');
  }
  const { REDIS_TLS_CERT: certificate, REDIS_TLS_KEY: key } = values;
  if (certificate === undefined || key === undefined || isKeyOf(certificate, key)) return;
  problems.add(
    'REDIS_TLS_KEY',
    'is not the key of the certificate in REDIS_TLS_CERT',
    'the key of its first certificate',
  );
}

function checkEmbedded(
  { values, given }: Environment,
  has: (names: readonly BaseVariableName[]) => boolean,
  problems: ProblemList,
): void {
  const permitted = values.HOLDFAST_EMBEDDED ?? values.NODE_ENV !== 'production';
  if (!permitted) {
    const why = values.HOLDFAST_EMBEDDED === false ? 'HOLDFAST_EMBEDDED is false' : 'this is production';
    const what = `No Redis is ${values.REDIS_ENGINE === 'memory' ? 'used' : 'configured'}, and ${why}`;
    problems.add('REDIS_URL', what, 'set REDIS_URL, or HOLDFAST_EMBEDDED=true to run without Redis');
  }
  if (values.REDIS_ENGINE === 'memory') return;
  if (given.has('QUEUE_REDIS_URL')) {
    problems.add('QUEUE_REDIS_URL', 'is set without a Redis for the cache', 'set REDIS_URL, too (it may be the same)');
  }
  for (const name of hostOnly.filter((name) => given.has(name))) {
    problems.add(name, 'is set, but no Redis is', `set one of ${addresses.join(', ')}`);
  }
  if (has(restTokens)) problems.add(restUrls[0], 'is not set, but its token is', 'an https:// URL');
}

function checkAliases(
  { values }: Environment,
  [name, alias]: readonly [
    'UPSTASH_REDIS_REST_URL' | 'UPSTASH_REDIS_REST_TOKEN',
    'REDIS_REST_URL' | 'REDIS_REST_TOKEN',
  ],
  problems: ProblemList,
): void {
  if (values[name] !== undefined && values[alias] !== undefined && values[name] !== values[alias]) {
    problems.add(alias, `differs from ${name}`, 'one of the two');
  }
}
