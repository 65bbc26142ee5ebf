import type { Failover } from './failover.ts';

/**
 * Asks Redis for the items that it can be asked for, and answers for the others here; replies in the order of the items. What
 * Redis is lost for meanwhile is answered here too, and the rest asked again where `ask` failed as a whole, so it must be
 * safe to repeat. A reply that is an error is that of its item.
 */
export async function whereItIs<Item extends { readonly complete: string }, Reply>(
  failover: Failover | undefined,
  items: readonly Item[],
  ask: (items: readonly Item[]) => Promise<readonly Reply[]>,
  here: (item: Item) => Reply,
): Promise<readonly Reply[]> {
  if (failover === undefined) return ask(items);
  const answered = new Map<Item, Reply>();
  for (let asked = items; ;) {
    if (failover.isAway) {
      for (const item of asked) if (failover.isAwayFor(item.complete)) answered.set(item, here(item));
      asked = asked.filter((item) => !answered.has(item));
    }
    if (asked.length === 0) break;
    try {
      const replies = await ask(asked);
      const isLost = (index: number): boolean => {
        const [reply, item] = [replies[index], asked[index]];
        return reply instanceof Error && item !== undefined && failover.standsInFor(reply, item.complete);
      };
      if (answered.size === 0 && !replies.some((_, index) => isLost(index))) return replies;
      for (const [index, item] of asked.entries()) {
        answered.set(item, isLost(index) ? here(item) : (replies[index] as Reply));
      }
      break;
    } catch (error) {
      if (!asked.some(({ complete }) => failover.standsInFor(error, complete))) throw error;
    }
  }
  return items.map((item) => answered.get(item) as Reply);
}
