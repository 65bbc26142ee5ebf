/**
 * The slots that a master gives or takes at this moment, and those that it owns or has lost otherwise than `table` says, as
 * far as `CLUSTER NODES` of that master tells. `table` has the owner (`host:port`) of each slot.
 */
export function disturbedSlots(
  view: string,
  address: string | undefined,
  table: readonly (string | undefined)[],
): number[] {
  const own = view.split('\n').find((line) => line.split(' ')[2]?.includes('myself') === true);
  const fields = own?.trim().split(' ').slice(8) ?? [];
  // `[93-<-<node>]` is taken, `[77->-<node>]` given.
  const moving = fields.flatMap((field) => /^\[(\d+)-[<>]-/.exec(field)?.[1] ?? []).map(Number);
  const owned = new Set(
    fields
      .filter((field) => !field.startsWith('['))
      .flatMap((field) => {
        const [from = 0, to = from] = field.split('-').map(Number);
        return Array.from({ length: to - from + 1 }, (_, index) => from + index);
      }),
  );
  const otherwise = [...table.keys()].filter((slot) => owned.has(slot) !== (table[slot] === address));
  return [...moving, ...otherwise];
}
