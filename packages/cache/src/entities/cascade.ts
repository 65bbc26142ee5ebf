import { EntityCascadeError } from '../errors.ts';
import { entityTag, type EntityEdge, type EntityGraph } from './graph.ts';
import { idsIn } from './ids.ts';

export interface EntityInstance {
  readonly type: string;
  readonly id: string;
}

/** The entries of a type that carry a tag: instances that are related, whose ids nobody had to know. */
export interface EntityGroup {
  readonly type: string;
  readonly tag: string;
}

/** What one invalidation reaches: each instance and each group once, in the order of their distance from the first. */
export interface Cascade {
  readonly instances: readonly EntityInstance[];
  readonly groups: readonly EntityGroup[];
}

export interface CascadeLimits {
  /** Instances and groups together. */
  readonly maxSize: number;
  /** Steps from the first instance. */
  readonly maxDepth: number;
}

/** Per instance the values of the fields that were asked for; `null` where there is no entry to read them from. */
export type ReadFields = (
  type: string,
  ids: readonly string[],
  fields: readonly string[],
) => Promise<readonly (Readonly<Record<string, unknown>> | null)[]>;

/**
 * Follows the graph from `first`, a step at a time, reading the fields of a whole step at once. An instance is looked at
 * once however many ways lead to it, so a cycle ends by itself.
 *
 * A group is followed by its tag: what depends on assets, and carries the tag `creator:7` as well, goes with the assets
 * of creator 7. So nothing is reached that did not name the instance it depends on.
 *
 * @throws EntityCascadeError beyond the limits; nothing was changed by then, as this only reads
 */
export async function computeCascade(
  graph: EntityGraph,
  first: EntityInstance,
  readFields: ReadFields,
  limits: CascadeLimits,
): Promise<Cascade> {
  const found = new Found(limits.maxSize);
  let step: Step = { instances: found.addInstances([first]), groups: [] };
  for (let depth = 0; step.instances.length > 0 || step.groups.length > 0; depth += 1) {
    if (depth > limits.maxDepth) throw new EntityCascadeError(`takes more than ${limits.maxDepth} steps`);
    step = {
      instances: found.addInstances(await namedBy(graph, step.instances, readFields)),
      groups: found.addGroups([
        ...step.instances.flatMap(({ type, id }) => groupsOf(graph, type, entityTag(type, id))),
        ...step.groups.flatMap(({ type, tag }) => groupsOf(graph, type, tag)),
      ]),
    };
  }
  return found;
}

interface Step {
  readonly instances: readonly EntityInstance[];
  readonly groups: readonly EntityGroup[];
}

function groupsOf(graph: EntityGraph, type: string, tag: string): EntityGroup[] {
  return graph.get(type).invalidates.map((edge) => ({ type: edge.type, tag }));
}

/** The instances that fields of these instances name. */
async function namedBy(
  graph: EntityGraph,
  instances: readonly EntityInstance[],
  readFields: ReadFields,
): Promise<EntityInstance[]> {
  const byType = Map.groupBy(instances, ({ type }) => type);
  const named = await Promise.all(
    Array.from(byType, async ([type, sameType]) => {
      const edges = graph.get(type).invalidates.filter(hasField);
      if (edges.length === 0) return [];
      const fields = [...new Set(edges.map(({ field }) => field))];
      const ids = sameType.map(({ id }) => id);
      const values = await readFields(type, ids, fields);
      return values.flatMap((record) =>
        record === null
          ? []
          : edges.flatMap((edge) => idsIn(record[edge.field]).map((id) => ({ type: edge.type, id }))),
      );
    }),
  );
  return named.flat();
}

function hasField(edge: EntityEdge): edge is Required<EntityEdge> {
  return edge.field !== undefined;
}

class Found implements Cascade {
  readonly instances: EntityInstance[] = [];
  readonly groups: EntityGroup[] = [];
  readonly #seen = new Set<string>();
  readonly #maxSize: number;

  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  /** Replies those that were not there yet. */
  addInstances(candidates: readonly EntityInstance[]): EntityInstance[] {
    return this.#add(candidates, this.instances, ({ type, id }) => `instance ${type} ${id}`);
  }

  addGroups(candidates: readonly EntityGroup[]): EntityGroup[] {
    return this.#add(candidates, this.groups, ({ type, tag }) => `group ${type} ${tag}`);
  }

  #add<Item>(candidates: readonly Item[], list: Item[], nameOf: (item: Item) => string): Item[] {
    const added: Item[] = [];
    for (const candidate of candidates) {
      const name = nameOf(candidate);
      if (this.#seen.has(name)) continue;
      if (this.#seen.size >= this.#maxSize)
        throw new EntityCascadeError(`reaches more than ${this.#maxSize} instances`);
      this.#seen.add(name);
      list.push(candidate);
      added.push(candidate);
    }
    return added;
  }
}
