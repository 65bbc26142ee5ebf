/**
 * Freezes plain data all the way down. A value of L1 is shared by all who read it: one that changed it
 * would change it for everybody, so the attempt throws instead. For a tree, as the serializer makes them.
 */
export function deepFreeze<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null) freezeTree(value);
  return value;
}

/** On the path of every hit: a look at each item is cheaper than a call, and `for in` than a list of keys. */
function freezeTree(tree: object): void {
  // A view of bytes cannot be frozen.
  if (ArrayBuffer.isView(tree)) return;
  Object.freeze(tree);
  if (Array.isArray(tree)) {
    for (let index = 0; index < tree.length; index += 1) {
      const item: unknown = tree[index];
      if (typeof item === 'object' && item !== null) freezeTree(item);
    }
    return;
  }
  // What a polluted prototype would add is frozen as well, no more.
  for (const key in tree) {
    const item = (tree as Record<string, unknown>)[key];
    if (typeof item === 'object' && item !== null) freezeTree(item);
  }
}

/** Whether freezing makes a value safe to share: not what holds its state in slots (Map, Set, Date, bytes). */
export function isShareable(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== Array.prototype && prototype !== null) return false;
  return Object.values(value).every(isShareable);
}
