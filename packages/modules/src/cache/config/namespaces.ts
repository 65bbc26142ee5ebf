import type { NamespaceOptions } from '@holdfast/cache';
import { durationBounds, parseTtl, readDuration, type DurationBounds, type ProblemList } from '@holdfast/config/part';
import type { MirroredNamespaces } from './mirrored-namespaces.ts';
import { defaultSoftTtlMs } from './preset-namespaces.ts';
import type { FileNamespace, FileNamespaces } from './schema.ts';

/** The presets with the file on top, field by field for what has a name in both; and what is mirrored. */
export function mergeNamespaces(
  presets: Readonly<Record<string, NamespaceOptions>>,
  file: FileNamespaces,
  mirrored: MirroredNamespaces,
  problems: ProblemList,
): Map<string, NamespaceOptions> {
  const namespaces = new Map(Object.entries(presets));
  for (const [name, given] of Object.entries(file)) {
    namespaces.set(name, toNamespace(name, given, namespaces.get(name), mirrored.sourceOf(name), problems));
  }
  for (const name of mirrored.names()) {
    // What the file says about it was checked above; a preset with a TTL becomes mirrored here.
    const { softTtlMs = defaultSoftTtlMs } = namespaces.get(name) ?? {};
    // Its first sync, and one after its own index was lost, look for items in that of the namespace.
    namespaces.set(name, { ttlMs: null, softTtlMs, indexed: true });
  }
  return namespaces;
}

function toNamespace(
  name: string,
  given: FileNamespace,
  base: NamespaceOptions | undefined,
  source: string | undefined,
  problems: ProblemList,
): NamespaceOptions {
  const path = `cache.namespaces.${name}`;
  const ttlMs = given.ttl === undefined ? (base?.ttlMs ?? null) : readTtl(given.ttl, `${path}.ttl`, problems);
  if (source !== undefined && given.ttl !== undefined && ttlMs !== null) {
    problems.add(`${path}.ttl`, `is written by the source ${source}, which removes items itself; use softTtl`, 'none');
    return { ttlMs: null };
  }
  const { softTtlMs: baseSoftTtlMs, ...rest } = base ?? {};
  const rules = { ...rest, ...toRules(given, path, problems), ttlMs };
  if (source !== undefined && rules.maxEntries !== undefined) {
    problems.add(`${path}.maxEntries`, `is written by the source ${source}, which would write what was evicted again`);
  }
  for (const field of source === undefined ? [] : loaderFields.filter((name) => given[name] !== undefined)) {
    problems.add(`${path}.${field}`, `is written by the source ${source}, and so has neither TTL nor loader`);
  }
  if (given.softTtl === undefined) {
    const keepsSoft = baseSoftTtlMs !== undefined && (ttlMs === null || baseSoftTtlMs < ttlMs);
    return keepsSoft ? { ...rules, softTtlMs: baseSoftTtlMs } : rules;
  }
  const softTtlMs = readDuration(given.softTtl, `${path}.softTtl`, durationBounds.life, problems);
  if (ttlMs !== null && softTtlMs >= ttlMs) problems.add(`${path}.softTtl`, 'is not below the TTL', 'less than ttl');
  return { ...rules, softTtlMs };
}

const loaderFields = [
  'grace',
  'jitter',
  'earlyRefresh',
  'negativeTtl',
  'hardTimeout',
  'failureThrottle',
  'lease',
] as const;

/** What the file says about a namespace beside its TTLs. */
function toRules(given: FileNamespace, path: string, problems: ProblemList): Omit<NamespaceOptions, 'ttlMs'> {
  const { ttl: _ttl, softTtl: _softTtl, grace, negativeTtl, hardTimeout, failureThrottle, lease, ...rest } = given;
  const ms = <Name extends string>(
    name: Name,
    field: string,
    value: string | number | undefined,
    bounds: DurationBounds,
  ) =>
    (value === undefined ? {} : { [name]: readDuration(value, `${path}.${field}`, bounds, problems) }) as {
      [N in Name]?: number;
    };
  const { life, wait } = durationBounds;
  return {
    ...rest,
    ...ms('graceMs', 'grace', grace, life),
    ...ms('negativeTtlMs', 'negativeTtl', negativeTtl, life),
    ...ms('hardTimeoutMs', 'hardTimeout', hardTimeout, wait),
    ...ms('failureThrottleMs', 'failureThrottle', failureThrottle, wait),
    ...ms('leaseMs', 'lease', lease, wait),
  };
}

function readTtl(value: string | number, path: string, problems: ProblemList): number | null {
  try {
    return parseTtl(value);
  } catch (error) {
    problems.add(path, error instanceof Error ? error.message : 'is no TTL');
    return null;
  }
}
