import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { computeCascade } from '../src/entities/cascade.ts';
import { Entities, type EntityStore } from '../src/entities/entities.ts';
import { EntityGraph, type EntityTypes } from '../src/entities/graph.ts';
import { EntityCascadeError, EntityGraphError, EntityUnknownError } from '../src/errors.ts';
import { studioTypes } from './studio.ts';

interface StoredEntry {
  readonly value?: Readonly<Record<string, unknown>>;
  readonly tags?: readonly string[];
}

/** Namespaces of entries in plain maps, which notes every call. */
class MapStore implements EntityStore {
  readonly calls: string[] = [];
  readonly #namespaces: Record<string, Map<string, StoredEntry>>;

  constructor(entries: Readonly<Record<string, Readonly<Record<string, StoredEntry>>>>) {
    this.#namespaces = Object.fromEntries(
      Object.entries(entries).map(([namespace, byKey]) => [namespace, new Map(Object.entries(byKey))]),
    );
  }

  /** What is left, as `namespace/key`. */
  left(): string[] {
    return Object.entries(this.#namespaces).flatMap(([namespace, entries]) =>
      [...entries.keys()].map((key) => `${namespace}/${key}`),
    );
  }

  async invalidateTags(namespace: string, tags: readonly string[], mode: string): Promise<void> {
    this.calls.push(`tags ${namespace} ${mode} ${tags.join(',')}`);
    for (const [key, entry] of this.#namespaces[namespace] ?? []) {
      if (entry.tags?.some((tag) => tags.includes(tag)) === true) this.#namespaces[namespace]?.delete(key);
    }
  }

  async invalidateKeys(namespace: string, keys: readonly string[], mode: string): Promise<void> {
    this.calls.push(`keys ${namespace} ${mode} ${keys.join(',')}`);
    for (const key of keys) this.#namespaces[namespace]?.delete(key);
  }

  async readFields(
    namespace: string,
    keys: readonly string[],
    fields: readonly string[],
  ): Promise<(Record<string, unknown> | null)[]> {
    this.calls.push(`read ${namespace} ${keys.join(',')} ${fields.join(',')}`);
    return keys.map((key) => {
      const value = this.#namespaces[namespace]?.get(key)?.value;
      return value === undefined ? null : Object.fromEntries(fields.map((field) => [field, value[field]]));
    });
  }
}

/** Two creators with an asset each in a project each, and a license of the first one's asset. */
function studio(): MapStore {
  return new MapStore({
    user: { 7: {}, '7/photo': { tags: ['user:7'] }, 8: {} },
    'user-settings': { 7: {}, 8: {} },
    creator: { 7: {}, 8: {} },
    brand: { b1: {}, b2: {} },
    project: { p1: {}, p2: {}, 'p1/assets': { tags: ['asset:a1'] }, 'p2/assets': { tags: ['asset:a2'] } },
    asset: {
      a1: { value: { projectId: 'p1', creatorId: 7 }, tags: ['creator:7'] },
      a2: { value: { projectId: 'p2', creatorId: 8 }, tags: ['creator:8'] },
      a3: { value: { projectId: 'p2', creatorId: 7 }, tags: ['creator:7'] },
    },
    license: { l1: { value: { brandId: 'b1', assetId: 'a1' } }, l2: { value: { brandId: 'b2', assetId: 'a2' } } },
  });
}

function entitiesOf(store: EntityStore, types: EntityTypes = studioTypes): Entities {
  return new Entities({ graph: new EntityGraph(types), store });
}

describe('the entities of a studio', () => {
  test('a creator takes its own assets along, and nobody else’s', async () => {
    const store = studio();
    const before = store.left();
    expect(await entitiesOf(store).invalidateCreator('7')).toMatchObject({
      invalidated: [{ type: 'creator', id: '7' }],
      tagged: expect.arrayContaining([{ type: 'asset', tag: 'creator:7' }]),
    });
    expect(before.filter((entry) => !store.left().includes(entry))).toEqual(['creator/7', 'asset/a1', 'asset/a3']);
  });

  test('an asset takes its project and its creator along', async () => {
    const store = studio();
    const before = store.left();
    const { invalidated } = await entitiesOf(store).invalidateAsset('a2');
    expect(invalidated).toEqual([
      { type: 'asset', id: 'a2' },
      { type: 'project', id: 'p2' },
      { type: 'creator', id: '8' },
    ]);
    expect(before.filter((entry) => !store.left().includes(entry))).toEqual([
      'creator/8',
      'project/p2',
      'project/p2/assets',
      'asset/a2',
    ]);
  });

  test('a license takes its brand and its asset along, and so on from there', async () => {
    const store = studio();
    const { invalidated } = await entitiesOf(store).invalidateLicense('l2');
    expect(invalidated.map(({ type, id }) => `${type} ${id}`)).toEqual([
      'license l2',
      'brand b2',
      'asset a2',
      'project p2',
      'creator 8',
    ]);
    expect(store.left()).not.toContain('brand/b2');
    expect(store.left()).toContain('asset/a1');
  });

  test('a user goes from all of its namespaces, with what is tagged as a part of it', async () => {
    const store = studio();
    await entitiesOf(store).invalidateUser('7');
    expect(store.left()).not.toContain('user/7');
    expect(store.left()).not.toContain('user/7/photo');
    expect(store.left()).not.toContain('user-settings/7');
    expect(store.left()).toContain('user/8');
    expect(store.left()).toContain('user-settings/8');
  });

  test('brands and projects go alone', async () => {
    const store = studio();
    expect((await entitiesOf(store).invalidateBrand('b1')).invalidated).toEqual([{ type: 'brand', id: 'b1' }]);
    expect((await entitiesOf(store).invalidateProject('p1')).invalidated).toEqual([{ type: 'project', id: 'p1' }]);
  });
});

describe('an invalidation', () => {
  test('is one call for keys and one for tags a namespace, and says its mode', async () => {
    const store = studio();
    await entitiesOf(store).invalidate('asset', 'a2', 'expire');
    const writes = store.calls.filter((call) => !call.startsWith('read'));
    expect(writes.every((call) => call.includes(' expire '))).toBe(true);
    expect(new Set(writes.map((call) => call.split(' ', 2).join(' '))).size).toBe(writes.length);
  });

  test('of an instance that has no entry still reaches what is tagged with it', async () => {
    const store = new MapStore({ asset: {}, project: { 'p9/assets': { tags: ['asset:gone'] }, p8: {} } });
    expect((await entitiesOf(store).invalidateAsset('gone')).invalidated).toEqual([{ type: 'asset', id: 'gone' }]);
    expect(store.left()).toEqual(['project/p8']);
  });

  test('passes a tag on to what depends on the tagged', async () => {
    const types = {
      creator: { namespaces: ['creator'], invalidates: [{ type: 'asset' }] },
      asset: { namespaces: ['asset'], invalidates: [{ type: 'page' }] },
      page: { namespaces: ['page'], invalidates: [] },
    };
    const store = new MapStore({ page: { mine: { tags: ['creator:7'] }, other: { tags: ['creator:8'] } } });
    await entitiesOf(store, types).invalidate('creator', '7');
    expect(store.left()).toEqual(['page/other']);
  });

  test('believes only texts and numbers in a field', async () => {
    const types = {
      a: { namespaces: ['a'], invalidates: [{ type: 'b', field: 'of' }] },
      b: { namespaces: ['b'], invalidates: [] },
    };
    const reach = async (of: unknown): Promise<string[]> => {
      const store = new MapStore({ a: { 1: { value: { of } } } });
      const { invalidated } = await entitiesOf(store, types).invalidate('a', '1');
      return invalidated.slice(1).map(({ id }) => id);
    };
    expect(await reach(['x', 5, 'x'])).toEqual(['x', '5']);
    for (const nothing of [undefined, null, {}, [[1]], true, '', Number.NaN, '..', 'x'.repeat(191), '\ud800']) {
      expect(await reach(nothing)).toEqual([]);
    }
  });

  test('is refused as a whole when it would reach too much, or too far', async () => {
    const types = { node: { namespaces: ['node'], invalidates: [{ type: 'node', field: 'next' }] } };
    const chain = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [index, { value: { next: index + 1 } }]));
    const wide = { 0: { value: { next: Array.from({ length: 500 }, (_, index) => index + 1) } } };
    for (const [entries, limits] of [
      [chain, { maxDepth: 10 }],
      [wide, { maxSize: 100 }],
    ] as const) {
      const store = new MapStore({ node: entries });
      const entities = new Entities({ graph: new EntityGraph(types), store, limits });
      await expect(entities.invalidate('node', '0')).rejects.toThrow(EntityCascadeError);
      expect(store.calls.filter((call) => !call.startsWith('read'))).toEqual([]);
    }
  });

  test('names the types that there are when it is given another', async () => {
    await expect(entitiesOf(studio()).invalidate('constructor', '1')).rejects.toThrow(EntityUnknownError);
    await expect(entitiesOf(studio()).invalidate('asset', '..')).rejects.toMatchObject({ code: 'KEY_INVALID' });
    await expect(entitiesOf(studio()).invalidate('asset', 'x'.repeat(191))).rejects.toMatchObject({
      code: 'KEY_INVALID',
    });
  });
});

test('a graph whose edges lead nowhere is refused with all of its problems', () => {
  const broken = { a: { namespaces: ['n s'], invalidates: [{ type: 'b' }, { type: 'a', field: '' }] } };
  const attempt = (): EntityGraph => new EntityGraph(broken);
  expect(attempt).toThrow(EntityGraphError);
  expect(attempt).toThrow(
    expect.objectContaining({
      issues: ['namespaces.0', 'invalidates.0.type', 'invalidates.1.field'].map((part) =>
        expect.objectContaining({ path: `entities.a.${part}` }),
      ),
    }),
  );
});

describe('for every graph, cycles included', () => {
  const names = ['a', 'b', 'c', 'd'];
  const typeName = fc.constantFrom(...names);
  const graph = fc
    .record(
      Object.fromEntries(
        names.map((name) => [
          name,
          fc.array(fc.record({ type: typeName, field: fc.constantFrom(undefined, 'f', 'g') }), { maxLength: 4 }),
        ]),
      ),
    )
    .map((edges) =>
      Object.fromEntries(
        Object.entries(edges).map(([name, invalidates]) => [
          name,
          {
            namespaces: [name],
            invalidates: invalidates.map(({ type, field }) => (field === undefined ? { type } : { type, field })),
          },
        ]),
      ),
    );
  const id = fc.constantFrom('1', '2', '3', '4', '5');
  const fields = fc.dictionary(
    fc.tuple(typeName, id).map(([type, key]) => `${type} ${key}`),
    fc.record({ f: fc.array(id, { maxLength: 3 }), g: fc.option(id, { nil: undefined }) }),
  );

  test('a cascade ends, reaches each instance once, and exactly those that are related', async () => {
    await fc.assert(
      fc.asyncProperty(graph, fields, typeName, id, async (types, stored, type, first) => {
        const reads: string[] = [];
        const { instances, groups } = await computeCascade(
          new EntityGraph(types),
          { type, id: first },
          async (of, ids) => {
            reads.push(...ids.map((one) => `${of} ${one}`));
            return ids.map((one) => stored[`${of} ${one}`] ?? null);
          },
          { maxSize: 1000, maxDepth: 100 },
        );
        const reached = instances.map((instance) => `${instance.type} ${instance.id}`);
        expect(new Set(reached).size).toBe(reached.length);
        expect(new Set(reads).size).toBe(reads.length);
        expect(new Set(reached)).toEqual(reachable(types, stored, `${type} ${first}`));
        // A group is always about an instance that was reached: nothing unrelated is touched by a tag.
        for (const { tag } of groups) expect(reached).toContain(tag.replace(':', ' '));
      }),
      { numRuns: 300 },
    );
  });

  /** The same question, asked one instance at a time until nothing is new. */
  function reachable(
    types: EntityTypes,
    stored: Readonly<Record<string, { f: string[]; g: string | undefined }>>,
    first: string,
  ): Set<string> {
    const reached = new Set([first]);
    for (const name of reached) {
      const [type = ''] = name.split(' ');
      for (const edge of types[type]?.invalidates ?? []) {
        const values = edge.field === 'f' ? stored[name]?.f : edge.field === 'g' ? [stored[name]?.g] : [];
        for (const one of values ?? []) if (one !== undefined) reached.add(`${edge.type} ${one}`);
      }
    }
    return reached;
  }
});
