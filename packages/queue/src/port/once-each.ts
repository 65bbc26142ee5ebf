/** Makes each thing once: later calls with its name return the same. */
export function onceEach<T>(make: (name: string) => T): (name: string) => T {
  const made = new Map<string, T>();
  return (name) => {
    const existing = made.get(name);
    if (existing !== undefined) return existing;
    const thing = make(name);
    made.set(name, thing);
    return thing;
  };
}
