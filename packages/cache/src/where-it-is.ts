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
): Promise<Reply[]> {
  if (failover === undefined) return [...(await ask(items))];
  const replies = new Map<Item, Reply>();
  for (let asked = items; ;) {
    for (const item of asked) if (failover.isAwayFor(item.complete)) replies.set(item, here(item));
    asked = asked.filter((item) => !replies.has(item));
    if (asked.length === 0) break;
    try {
      for (const [index, reply] of (await ask(asked)).entries()) {
        const item = asked[index];
        if (item === undefined) continue;
        const isLost = reply instanceof Error && failover.standsInFor(reply, item.complete);
        replies.set(item, isLost ? here(item) : reply);
      }
      break;
    } catch (error) {
      if (!asked.some(({ complete }) => failover.standsInFor(error, complete))) throw error;
    }
  }
  return items.map((item) => replies.get(item) as Reply);
}
