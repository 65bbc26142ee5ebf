interface Snapshot {
  readonly snapshot: {
    readonly meta: {
      readonly node_fields: readonly string[];
      readonly node_types: readonly [readonly string[], ...unknown[]];
    };
  };
  readonly nodes: readonly number[];
  readonly strings: readonly string[];
}

/** Kinds of nodes whose name is that of a class; of all others the kind says more than the name. */
const named = new Set(['object', 'native']);

/**
 * Bytes by constructor, as a text of `v8.writeHeapSnapshot` has them: each object with its own size only. What is no object of a
 * class stands under its kind: `(string)`, `(array)`, `(closure)`, `(code)`.
 */
export function constructorsIn(text: string): Map<string, number> {
  const { snapshot, nodes, strings } = JSON.parse(text) as Snapshot;
  const { node_fields: fields, node_types: types } = snapshot.meta;
  const [typeAt, nameAt, sizeAt] = ['type', 'name', 'self_size'].map((field) => fields.indexOf(field));
  if (typeAt === undefined || nameAt === undefined || sizeAt === undefined)
    throw new Error('This is no heap snapshot.');
  const bytes = new Map<string, number>();
  for (let at = 0; at < nodes.length; at += fields.length) {
    const kind = types[0][nodes[at + typeAt] ?? -1] ?? 'unknown';
    const name = named.has(kind) ? (strings[nodes[at + nameAt] ?? -1] ?? '').slice(0, 60) : `(${kind})`;
    bytes.set(name, (bytes.get(name) ?? 0) + (nodes[at + sizeAt] ?? 0));
  }
  return bytes;
}
