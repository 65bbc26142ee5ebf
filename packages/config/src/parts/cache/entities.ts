import type { ProblemList } from './errors.ts';
import type { Presets } from './presets.ts';
import type { ConfigFile } from './schema.ts';
import type { EntityConfig } from './types.ts';

type FileEntity = NonNullable<ConfigFile['entities']>[string];

/**
 * The built-in entity types with those of the file on top. `namespaces`: those that there are, or `null` where any may be
 * used.
 */
export function mergeEntities(
  presets: Presets,
  file: ConfigFile,
  namespaces: ReadonlySet<string> | null,
  problems: ProblemList,
): Map<string, EntityConfig> {
  const entities = new Map(Object.entries(presets.entities));
  for (const [name, given] of Object.entries(file.entities ?? {})) {
    entities.set(name, toEntity(name, given, entities.get(name)));
  }
  for (const [name, entity] of entities) {
    for (const { type } of entity.invalidates) {
      if (entities.has(type)) continue;
      problems.add(`entities.${name}.invalidates.${type}`, 'is no entity type', [...entities.keys()].join(', '));
    }
    const unknown = entity.namespaces.filter((namespace) => namespaces?.has(namespace) === false);
    if (unknown.length === 0) continue;
    problems.add(
      `entities.${name}.namespaces`,
      `names what is not under cache.namespaces: ${unknown.join(', ')}`,
      [...(namespaces ?? [])].join(', '),
    );
  }
  return entities;
}

function toEntity(name: string, given: FileEntity, base: EntityConfig | undefined): EntityConfig {
  const edges = Object.entries(given.invalidates ?? {}).map(([type, { field }]) =>
    field === undefined ? { type } : { type, field },
  );
  return {
    namespaces: given.namespaces ?? base?.namespaces ?? [name],
    invalidates: given.invalidates === undefined ? (base?.invalidates ?? []) : edges,
  };
}
