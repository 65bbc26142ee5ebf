import type { EntityType } from '@holdfast/cache';
import type { ProblemList } from '@holdfast/config/part';
import { presetEntities } from './preset-entities.ts';
import type { FileEntity } from './schema.ts';

/**
 * The built-in entity types with those of the file on top. `namespaces`: those that there are, or `null` where any may be
 * used.
 */
export function mergeEntities(
  file: Readonly<Record<string, FileEntity>>,
  namespaces: ReadonlySet<string> | null,
  problems: ProblemList,
): Map<string, EntityType> {
  const entities = new Map<string, EntityType>(Object.entries(presetEntities));
  for (const [name, given] of Object.entries(file)) {
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

function toEntity(name: string, given: FileEntity, base: EntityType | undefined): EntityType {
  const edges = Object.entries(given.invalidates ?? {}).map(([type, { field }]) =>
    field === undefined ? { type } : { type, field },
  );
  return {
    namespaces: given.namespaces ?? base?.namespaces ?? [name],
    invalidates: given.invalidates === undefined ? (base?.invalidates ?? []) : edges,
  };
}
