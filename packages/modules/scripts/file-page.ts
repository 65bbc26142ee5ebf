import type { EntityType } from '@holdfast/cache';
import { fileSchemaOf, formatTtl } from '@holdfast/config';
import type { TSchema } from 'typebox';
import { presetEntities } from '../src/cache/config/preset-entities.ts';
import { presetNamespaces } from '../src/cache/config/preset-namespaces.ts';
import { configParts } from '../src/module.ts';
import { modules } from '../src/modules.ts';
import { builtInQueueNames } from '../src/queues/config/built-in-queues.ts';
import { presetQueues } from '../src/queues/config/preset-queues.ts';
import { presetSources } from '../src/sources/config/preset-sources.ts';

interface Node {
  readonly properties?: Readonly<Record<string, Node>>;
  readonly patternProperties?: Readonly<Record<string, Node>>;
  readonly anyOf?: readonly Node[];
  readonly allowed?: string;
  readonly description?: string;
}

const introduction = `# holdfast.yaml

<!-- Generated from the config of each module in packages/modules/src by \`pnpm --filter @holdfast/modules run docs\`. Do not edit. -->

What exists in an installation: cache namespaces, sources, and queues. The file is optional; it is added to
the built-in presets below, field by field. It is found at \`HOLDFAST_CONFIG\`, or as \`holdfast.yaml\` in the working directory.
[holdfast.example.yaml](../../holdfast.example.yaml) is a start; secrets and addresses belong into the [environment](env.md).

The file is strict. An unknown field, a wrong value or broken YAML stops the start, and every problem is listed with its
path, such as \`cache.namespaces.products.ttl\`. Editors complete and check it with [holdfast.schema.json](holdfast.schema.json):

\`\`\`yaml
# yaml-language-server: $schema=docs/reference/holdfast.schema.json
\`\`\`

**Durations** are whole milliseconds or a number with a unit: \`500ms\`, \`30s\`, \`5m\`, \`6h\`, \`7d\`. A **TTL** may also be \`none\` (no
expiry) or \`0\` (off: the namespace stores nothing).

## Mirrored namespaces

A namespace that a source writes is *mirrored*. Its items do not expire: a sync removes those that the upstream no longer
has. Its \`softTtl\` says from when on an item is stale: still served, marked, and to be refreshed. So its \`ttl\` is always
\`none\`, and no two sources may write one namespace. A new source may name a namespace that is not declared: it is declared
with a soft TTL of 5m.

## Entities

Cache entries are about things: users, assets, projects. When one changes, \`POST /v1/entities/{type}/{id}/invalidate\` drops
what is about it, and what depends on it, by instance: creator 7 takes its own assets along and nobody else's. A type says in
\`invalidates\` which other types depend on it. Related is an entry of that type which carries the tag \`<type>:<id>\`, such as
\`creator:7\`; and with \`field\`, the instance that this field of the changed entry's JSON names, such as the project of an
asset in its \`projectId\`. What is reached is followed further, and each instance is reached once, so types may depend on
each other.

\`\`\`yaml
entities:
  article:
    namespaces: [article]
    invalidates:
      # The author's page goes: its id is in this field of the article.
      user: { field: author.id }
      # Entries of the namespace brand go that are tagged article:<id>.
      brand: {}
\`\`\`

## Turning built-in parts off

Queues and sources, built-in or not, are turned off with \`enabled: false\`:

\`\`\`yaml
queues:
  http-delivery: { enabled: false }
sources:
  products: { enabled: false }
\`\`\`

What is off has no jobs, schedules, workers and metrics, and its routes answer 404 with \`QUEUE_DISABLED\` or \`SOURCE_DISABLED\`. Nothing is
deleted: jobs that wait run when their queue is on again, and what a source had mirrored stays in its namespace, which is one of the
cache's own then. What needed it says so at the start: without \`source-sync\` no source is synced, without \`http-delivery\` nobody is told of
failed jobs (\`WEBHOOK_URL\`, \`failureUrl\`), and \`WORKER_QUEUES\` must not name it.

## Fields

The built-in queues are ${builtInQueueNames.join(' and ')}; \`<queue>\` is one of them. Any other name is a queue of your own, whose jobs
are delivered to its \`url\`: see [queues without code](../guide/http-queues.md). \`payload\` is a JSON Schema with the usual
keywords, without \`$ref\`.
`;

/** docs/reference/config.md */
export function filePage(): string {
  const root: TSchema = fileSchemaOf(configParts(modules));
  const rows = fields(root, '').map(
    ([path, node]) => `| \`${path}\` | ${node.description ?? ''} | ${cell(node.allowed ?? '')} |`,
  );
  return [introduction, '| field | what it does | allowed |', '|---|---|---|', ...rows, '', presetTables()].join('\n');
}

/** Leaves with their paths; a name that is free is `<name>`. The queues have the same fields, so one stands for all. */
function fields(node: Node, path: string): [string, Node][] {
  const children = new Map<string, Node>();
  for (const variant of [...(node.anyOf ?? []), node]) {
    for (const [name, child] of Object.entries(variant.properties ?? {})) {
      const shown = path === 'queues' ? '<queue>' : name;
      if (!children.has(shown)) children.set(shown, child);
    }
    for (const child of Object.values(variant.patternProperties ?? {})) children.set('<name>', child);
  }
  if (children.size === 0) return [[path, node]];
  return [...children].flatMap(([name, child]) => fields(child, path === '' ? name : `${path}.${name}`));
}

function presetTables(): string {
  const namespaces = presetNamespaces({
    instancesSoftMs: 300_000,
    apiResponsesMs: 300_000,
    comprehensiveMs: 60_000,
  });
  const variables: Readonly<Record<string, string>> = {
    instances: '`CACHE_TIMEOUT` (soft TTL)',
    'api-responses': '`NOVITA_API_CACHE_TTL`, else `CACHE_TIMEOUT`',
    comprehensive: '`COMPREHENSIVE_CACHE_TTL`',
  };
  const namespaceRows = Object.entries(namespaces).map(
    ([name, { ttlMs, softTtlMs }]) =>
      `| \`${name}\` | \`${formatTtl(ttlMs)}\` | ${softTtlMs === undefined ? '–' : `\`${formatTtl(softTtlMs)}\``} | ${variables[name] ?? '–'} |`,
  );
  const sourceRows = Object.entries(presetSources).map(
    ([name, { path, itemsField, idField }]) => `| \`${name}\` | \`${path}\` | \`${itemsField}\` | \`${idField}\` |`,
  );
  const entityRows = Object.entries<EntityType>(presetEntities).map(([name, { namespaces: where, invalidates }]) => {
    const edges = invalidates.map(({ type, field }) => (field === undefined ? type : `${type} (\`${field}\`)`));
    return `| \`${name}\` | ${where.map((one) => `\`${one}\``).join(', ')} | ${edges.join(', ') || '–'} |`;
  });
  return [
    '## Built-in namespaces',
    '',
    'Where a variable and the file both set a TTL, the file wins, with a warning.',
    '',
    '| namespace | ttl | softTtl | variable |',
    '|---|---|---|---|',
    ...namespaceRows,
    '',
    '## Built-in entities',
    '',
    '| type | namespaces | invalidates (by field) |',
    '|---|---|---|',
    ...entityRows,
    '',
    '## Queues that want a URL',
    '',
    'What is known of them; each is there as soon as the file gives it a `url`, and the file may change any part.',
    '',
    '| queue | attempts | priority | schedule (UTC) | kept: completed, failed | |',
    '|---|---|---|---|---|---|',
    ...presetQueueRows(),
    '',
    '## Built-in sources',
    '',
    'Pages of 100 items, numbered from 1 by `pageNum`, sized by `pageSize`, with the number of all items in `total`.',
    '',
    '| source | path | itemsField | idField |',
    '|---|---|---|---|',
    ...sourceRows,
    '',
  ].join('\n');
}

function presetQueueRows(): string[] {
  return Object.entries(presetQueues).map(([name, { description, attempts, priority, schedule, retention }]) => {
    const when = schedule !== undefined && 'pattern' in schedule ? `\`${schedule.pattern}\`` : '–';
    const { completed, failed } = retention ?? {};
    const kept = `${completed?.count ?? '–'}, ${failed?.count ?? '–'}`;
    return `| \`${name}\` | ${attempts ?? '–'} | ${priority ?? '–'} | ${when} | ${kept} | ${description ?? ''} |`;
  });
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
