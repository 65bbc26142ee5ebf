import {
  computeCascade,
  type Cascade,
  type CascadeLimits,
  type EntityGroup,
  type EntityInstance,
  type ReadFields,
} from './cascade.ts';
import { entityTag, type EntityGraph } from './graph.ts';
import { checkCascadeLimits } from '../option-rules.ts';
import { checkId } from './ids.ts';

/** `delete`: gone. `expire`: may still be served as grace while a loader fails. */
export type EntityInvalidationMode = 'delete' | 'expire';

/** What entities need of the cache; one call is for one namespace and should be a constant number of commands. */
export interface EntityStore {
  /** Invalidates the entries of a namespace that carry one of the tags. */
  invalidateTags(namespace: string, tags: readonly string[], mode: EntityInvalidationMode): Promise<unknown>;
  /** Invalidates entries by key. One that is not there is no error. */
  invalidateKeys(namespace: string, keys: readonly string[], mode: EntityInvalidationMode): Promise<unknown>;
  /**
   * Per key, in order, the values of `fields` (dots descend) of the JSON stored there; `null` where there is no entry or
   * it is not JSON. It must not count as a use of the entries.
   */
  readFields(
    namespace: string,
    keys: readonly string[],
    fields: readonly string[],
  ): Promise<readonly (Readonly<Record<string, unknown>> | null)[]>;
}

export interface EntitiesOptions {
  readonly graph: EntityGraph;
  readonly store: EntityStore;
  /** A cascade beyond it is refused as a whole. Default 10 000 instances and groups, 32 steps. */
  readonly limits?: Partial<CascadeLimits>;
}

export interface EntityInvalidation {
  /** The instance, and those that fields named, each once. */
  readonly invalidated: readonly EntityInstance[];
  /** Besides, the entries that carried these tags; which they were is not known, as it took no list of them. */
  readonly tagged: readonly EntityGroup[];
}

/**
 * Invalidates an instance and what depends on it, by instance: creator 7 never touches what is creator 8's.
 *
 * The cascade is computed first and applied then, so one that is refused has changed nothing. What applies it is safe to
 * repeat: after an error call again.
 */
export class Entities {
  readonly graph: EntityGraph;
  readonly #store: EntityStore;
  readonly #limits: CascadeLimits;

  constructor({ graph, store, limits }: EntitiesOptions) {
    if (limits !== undefined) checkCascadeLimits(limits);
    this.graph = graph;
    this.#store = store;
    this.#limits = { maxSize: 10_000, maxDepth: 32, ...limits };
  }

  /**
   * @throws EntityUnknownError for a type that is not declared
   * @throws EntityCascadeError when it would reach too much
   * @throws InvalidKeyError for an id that cannot be a key
   * @throws the reason of `signal` where that ends it while it looks for what depends on the instance: nothing was
   *   invalidated. Once it invalidates it goes to the end, as half of it would be a lie.
   */
  async invalidate(
    type: string,
    id: string,
    mode: EntityInvalidationMode = 'delete',
    signal?: AbortSignal,
  ): Promise<EntityInvalidation> {
    this.graph.get(type);
    checkId(id);
    const readFields: ReadFields = async (...asked) => {
      signal?.throwIfAborted();
      return this.#readFields(...asked);
    };
    const cascade = await computeCascade(this.graph, { type, id }, readFields, this.#limits);
    signal?.throwIfAborted();
    await this.#apply(cascade, mode);
    return { invalidated: cascade.instances, tagged: cascade.groups };
  }

  invalidateUser(id: string, mode?: EntityInvalidationMode): Promise<EntityInvalidation> {
    return this.invalidate('user', id, mode);
  }

  invalidateCreator(id: string, mode?: EntityInvalidationMode): Promise<EntityInvalidation> {
    return this.invalidate('creator', id, mode);
  }

  invalidateBrand(id: string, mode?: EntityInvalidationMode): Promise<EntityInvalidation> {
    return this.invalidate('brand', id, mode);
  }

  invalidateAsset(id: string, mode?: EntityInvalidationMode): Promise<EntityInvalidation> {
    return this.invalidate('asset', id, mode);
  }

  invalidateProject(id: string, mode?: EntityInvalidationMode): Promise<EntityInvalidation> {
    return this.invalidate('project', id, mode);
  }

  invalidateLicense(id: string, mode?: EntityInvalidationMode): Promise<EntityInvalidation> {
    return this.invalidate('license', id, mode);
  }

  /** A field's values in all namespaces of the type. */
  readonly #readFields = async (
    type: string,
    ids: readonly string[],
    fields: readonly string[],
  ): Promise<Readonly<Record<string, unknown>>[]> => {
    const perNamespace = await Promise.all(
      this.graph.get(type).namespaces.map((namespace) => this.#store.readFields(namespace, ids, fields)),
    );
    return ids.map((_, index) =>
      Object.fromEntries(fields.map((field) => [field, perNamespace.flatMap((records) => records[index]?.[field])])),
    );
  };

  async #apply(cascade: Cascade, mode: EntityInvalidationMode): Promise<void> {
    const keys = new Map<string, Set<string>>();
    const tags = new Map<string, Set<string>>();
    for (const { type, id } of cascade.instances) {
      for (const namespace of this.graph.get(type).namespaces) {
        add(keys, namespace, id);
        // Parts of an instance that have entries of their own (`7/photo`) carry its tag.
        add(tags, namespace, entityTag(type, id));
      }
    }
    for (const { type, tag } of cascade.groups) {
      for (const namespace of this.graph.get(type).namespaces) add(tags, namespace, tag);
    }
    await Promise.all([
      ...Array.from(keys, ([namespace, set]) => this.#store.invalidateKeys(namespace, [...set], mode)),
      ...Array.from(tags, ([namespace, set]) => this.#store.invalidateTags(namespace, [...set], mode)),
    ]);
  }
}

function add(sets: Map<string, Set<string>>, name: string, item: string): void {
  const set = sets.get(name);
  if (set === undefined) sets.set(name, new Set([item]));
  else set.add(item);
}
