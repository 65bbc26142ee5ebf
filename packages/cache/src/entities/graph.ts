import { isName } from '@holdfast/redis-core';
import { EntityGraphError, EntityUnknownError } from '../errors.ts';

/** A kind of thing that entries are about: users, assets, … */
export interface EntityType {
  /** The cache namespaces in which an instance has an entry, each under its id as the key. */
  readonly namespaces: readonly string[];
  /** What depends on an instance of this type. */
  readonly invalidates: readonly EntityEdge[];
}

/**
 * When an instance changes, so does what is related to it in `type`:
 *
 * - every entry of that type that carries the instance's tag (`creator:7`), and
 * - with `field`, the instances whose ids are in that field of the entry that changed: `creatorId` of an asset names its
 *   creator. Dots descend; the field may hold a text, a number, or an array of these.
 */
export interface EntityEdge {
  readonly type: string;
  readonly field?: string;
}

/** The types by name. */
export type EntityTypes = Readonly<Record<string, EntityType>>;

/** The tag by which entries say that they depend on an instance. */
export function entityTag(type: string, id: string): string {
  return `${type}:${id}`;
}

/**
 * The types and what depends on what, checked once.
 * @throws EntityGraphError listing every edge that leads to no type, and every name that cannot be one
 */
export class EntityGraph {
  readonly #types: ReadonlyMap<string, EntityType>;

  constructor(types: EntityTypes) {
    this.#types = new Map(Object.entries(types));
    const problems = [...this.#types].flatMap(([name, type]) => this.#problemsOf(name, type));
    if (problems.length > 0) throw new EntityGraphError(problems);
  }

  /** In the order of their declaration. */
  names(): string[] {
    return [...this.#types.keys()];
  }

  has(name: string): boolean {
    return this.#types.has(name);
  }

  /** @throws EntityUnknownError for a type that is not declared */
  get(name: string): EntityType {
    const type = this.#types.get(name);
    if (type === undefined) throw new EntityUnknownError(name, this.names());
    return type;
  }

  #problemsOf(name: string, type: EntityType): { path: string; message: string }[] {
    const path = `entities.${name}`;
    const problems: { path: string; message: string }[] = [];
    if (!isName(name)) problems.push({ path, message: 'is not a valid name' });
    for (const [index, namespace] of type.namespaces.entries()) {
      if (!isName(namespace)) problems.push({ path: `${path}.namespaces.${index}`, message: 'is not a valid name' });
    }
    for (const [index, edge] of type.invalidates.entries()) {
      const at = `${path}.invalidates.${index}`;
      if (!this.#types.has(edge.type)) problems.push({ path: `${at}.type`, message: `names no type: ${edge.type}` });
      if (edge.field === '') problems.push({ path: `${at}.field`, message: 'must not be empty' });
    }
    return problems;
  }
}
