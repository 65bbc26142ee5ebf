import { durationBounds, type DurationBounds } from './duration-bounds.ts';
import { readDuration } from './duration-reader.ts';
import { parseTtl } from './duration.ts';
import type { ProblemList } from './errors.ts';
import { mergeEntities } from './merge-entities.ts';
import { mergeQueues, type ReadSecret } from './merge-queues.ts';
import { defaultSoftTtlMs, sourceDefaults } from './presets.ts';
import type { Presets, PresetSource } from './presets.ts';
import type { ConfigFile } from './schema.ts';
import type { CacheConfig, DisabledParts, EntityConfig, NamespaceConfig, QueueConfig, SourceConfig } from './types.ts';

type FileSource = NonNullable<ConfigFile['sources']>[string];
type FileNamespace = NonNullable<NonNullable<ConfigFile['cache']>['namespaces']>[string];

export interface Merged {
  readonly cache: CacheConfig;
  readonly entities: Readonly<Record<string, EntityConfig>>;
  readonly queues: Readonly<Record<string, QueueConfig>>;
  readonly sources: Readonly<Record<string, SourceConfig>>;
  readonly disabled: DisabledParts;
}

/** The presets with the file on top; field by field for what has a name in both. */
export function merge(presets: Presets, file: ConfigFile, readSecret: ReadSecret, problems: ProblemList): Merged {
  const sources = mergeSources(presets, file, problems);
  const disabled = { queues: disabledIn(file.queues ?? {}), sources: disabledIn(file.sources ?? {}) };
  for (const name of disabled.sources) sources.delete(name);
  const mirrored = new Map<string, string>();
  for (const [name, source] of sources) {
    const other = mirrored.get(source.namespace);
    if (other === undefined) mirrored.set(source.namespace, name);
    // Each would remove the items of the other at its next sync.
    else
      problems.add(`sources.${name}.namespace`, `is written by the source ${other} already`, 'a namespace of its own');
  }
  const namespaces = mergeNamespaces(presets, file, mirrored, problems);
  return {
    cache: {
      allowUndeclared: file.cache?.allowUndeclared ?? false,
      maxValueBytes: file.cache?.maxValueBytes ?? 8 * 1024 * 1024,
      l1: toFirstTier(file.cache?.l1 ?? {}, problems),
      namespaces: record(namespaces),
    },
    entities: record(
      mergeEntities(presets, file, file.cache?.allowUndeclared === true ? null : new Set(namespaces.keys()), problems),
    ),
    queues: record(mergeQueues(file.queues ?? {}, readSecret, problems)),
    sources: record(
      [...sources].map(([name, source]) => {
        const softTtlMs = namespaces.get(source.namespace)?.softTtlMs ?? defaultSoftTtlMs;
        return [name, { name, ...source, softTtlMs }];
      }),
    ),
    disabled,
  };
}

function disabledIn(parts: Readonly<Record<string, { readonly enabled?: boolean }>>): string[] {
  return Object.keys(parts).filter((name) => parts[name]?.enabled === false);
}

/** Without a prototype, so that looking up `constructor` or `__proto__` finds nothing. */
function record<T>(entries: Iterable<readonly [string, T]>): Readonly<Record<string, T>> {
  return Object.assign(Object.create(null) as Record<string, T>, Object.fromEntries(entries));
}

function mergeSources(presets: Presets, file: ConfigFile, problems: ProblemList): Map<string, PresetSource> {
  const sources = new Map(Object.entries(presets.sources));
  for (const [name, given] of Object.entries(file.sources ?? {})) {
    const base = sources.get(name);
    for (const field of ['path', 'itemsField', 'idField'] as const) {
      if ((given[field] ?? base?.[field]) === undefined) problems.add(`sources.${name}.${field}`, 'is missing');
    }
    sources.set(name, { ...(base ?? newSource(name)), ...sourceFields(name, given, problems) });
  }
  return sources;
}

function newSource(name: string): PresetSource {
  return { ...sourceDefaults, namespace: name, path: '', itemsField: '', idField: '' };
}

function sourceFields(name: string, given: FileSource, problems: ProblemList): Partial<PresetSource> {
  const { timeout, enabled: _enabled, ...rest } = given;
  if (timeout === undefined) return rest;
  return { ...rest, timeoutMs: readDuration(timeout, `sources.${name}.timeout`, durationBounds.wait, problems) };
}

function mergeNamespaces(
  presets: Presets,
  file: ConfigFile,
  mirrored: ReadonlyMap<string, string>,
  problems: ProblemList,
): Map<string, NamespaceConfig> {
  const namespaces = new Map(Object.entries(presets.namespaces));
  for (const [name, given] of Object.entries(file.cache?.namespaces ?? {})) {
    namespaces.set(name, toNamespace(name, given, namespaces.get(name), mirrored.get(name), problems));
  }
  for (const name of mirrored.keys()) {
    // What the file says about it was checked above; a preset with a TTL becomes mirrored here.
    const { softTtlMs = defaultSoftTtlMs } = namespaces.get(name) ?? {};
    namespaces.set(name, { ttlMs: null, softTtlMs });
  }
  return namespaces;
}

function toNamespace(
  name: string,
  given: FileNamespace,
  base: NamespaceConfig | undefined,
  source: string | undefined,
  problems: ProblemList,
): NamespaceConfig {
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
function toRules(given: FileNamespace, path: string, problems: ProblemList): Omit<NamespaceConfig, 'ttlMs'> {
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

function toFirstTier(
  { maxBytes, maxStale }: NonNullable<NonNullable<ConfigFile['cache']>['l1']>,
  problems: ProblemList,
): CacheConfig['l1'] {
  return {
    ...(maxBytes !== undefined && { maxBytes }),
    ...(maxStale !== undefined && {
      maxStaleMs: readDuration(maxStale, 'cache.l1.maxStale', durationBounds.life, problems),
    }),
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
