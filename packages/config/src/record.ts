/** An object without a prototype, so that looking up `constructor` or `__proto__` finds nothing. */
export function record<T>(entries: Iterable<readonly [string, T]>): Readonly<Record<string, T>> {
  return Object.assign(Object.create(null) as Record<string, T>, Object.fromEntries(entries));
}

/** The names of what is turned off, in the order of the file. */
export function disabledIn(items: Readonly<Record<string, { readonly enabled?: boolean }>>): readonly string[] {
  return Object.keys(items).filter((name) => items[name]?.enabled === false);
}
