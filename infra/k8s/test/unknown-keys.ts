/**
 * The fields of an object that its validator never looked at, as JSON pointers.
 *
 * The validators of `kubernetes-models` let unknown fields pass, as `kubectl apply` without validation does: a mistyped
 * `readinesProbe` would just be no probe. They are compiled code without a schema to compare with, but they look at
 * every field that they know. So the object is handed over in a recording proxy, and what was never read is unknown.
 */
export function unknownKeys(object: unknown, validate: (value: unknown) => boolean): string[] {
  const unread = new Set<string>();
  validate(recording(object, '', unread));
  return [...unread].sort();
}

function recording(value: unknown, path: string, unread: Set<string>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  for (const key of Object.keys(value)) unread.add(`${path}/${escapePointer(key)}`);
  const children = new Map<string, unknown>();
  return new Proxy(value, {
    get(target, key) {
      const child: unknown = Reflect.get(target, key);
      if (typeof key === 'symbol') return child;
      const childPath = `${path}/${escapePointer(key)}`;
      unread.delete(childPath);
      // A validator may look at a field twice: its children must not be marked as unread again.
      if (!children.has(key)) children.set(key, recording(child, childPath, unread));
      return children.get(key);
    },
  });
}

function escapePointer(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}
