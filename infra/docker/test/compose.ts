import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isMap, isNode, isScalar, isSeq, parse, parseDocument } from 'yaml';
import type { Document, YAMLMap } from 'yaml';

export interface Service {
  readonly image: string;
  readonly build?: { readonly context: string; readonly dockerfile: string; readonly target: string };
  readonly profiles?: readonly string[];
  readonly restart: string;
  readonly user?: string;
  readonly read_only: boolean;
  readonly cap_drop: readonly string[];
  readonly security_opt: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly networks: readonly string[];
  readonly depends_on?: Readonly<Record<string, { condition: string }>>;
  readonly stop_grace_period?: string;
  readonly healthcheck: {
    readonly test: readonly string[];
    readonly interval: string;
    readonly timeout: string;
    readonly retries: number;
    readonly start_period: string;
  };
}

export interface Compose {
  readonly services: Readonly<Record<'api' | 'worker' | 'redis-cache' | 'redis-durable' | 'redis-insight', Service>>;
  readonly networks: Readonly<Record<string, { internal?: boolean }>>;
  readonly volumes: Readonly<Record<string, object>>;
  readonly secrets: Readonly<Record<string, { file: string }>>;
}

/** The root of the repository, with a slash at its end. */
export const root = fileURLToPath(new URL('../../..', import.meta.url));

/** `docker-compose.yml` with its anchors merged in; variables such as `${HOLDFAST_PORT:-3000}` stay as they are. */
export function readCompose(): Compose {
  return parse(readFileSync(`${root}docker-compose.yml`, 'utf8'), { merge: true }) as Compose;
}

/** The same with `docker-compose.upstash.yml` on top, by the rules of Compose as far as the file uses them. */
export function readUpstash(): Compose {
  const override = parseDocument(readFileSync(`${root}docker-compose.upstash.yml`, 'utf8'), { uniqueKeys: true });
  // The tags of Compose are none of YAML.
  const problems = [...override.errors, ...override.warnings].filter(({ code }) => code !== 'TAG_RESOLVE_FAILED');
  if (problems.length > 0 || !isMap(override.contents)) throw new AggregateError(problems, 'not a Compose file');
  const compose = structuredClone(readCompose()) as unknown as Record<string, unknown>;
  merge(compose, override.contents, override);
  return compose as unknown as Compose;
}

function merge(base: Record<string, unknown>, override: YAMLMap, document: Document): void {
  for (const { key, value } of override.items) {
    if (!isScalar(key) || !isNode(value)) throw new Error('a key without a value');
    const name = String(key.value);
    const before = base[name];
    if (value.tag === '!reset') Reflect.deleteProperty(base, name);
    else if (value.tag === '!override') base[name] = value.toJS(document);
    else if (isMap(value) && isRecord(before)) merge(before, value, document);
    else if (isSeq(value) && Array.isArray(before)) base[name] = [...before, ...(value.toJS(document) as unknown[])];
    else base[name] = value.toJS(document);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
