import type { Fallback } from './fallback.ts';

/**
 * Asks Redis for the items that it can be asked for, and answers for the others here; replies in the order of the items. What
 * Redis is lost for meanwhile is answered here too, and the rest asked again where `ask` failed as a whole, so it must be
 * safe to repeat. A reply that is an error is that of its item.
 */
export async function whereItIs<Item extends { readonly complete: string }, Reply>(
  fallback: Fallback | undefined,
  items: readonly Item[],
  ask: (items: readonly Item[]) => Promise<readonly Reply[]>,
  here: (items: readonly Item[]) => readonly Reply[] | Promise<readonly Reply[]>,
): Promise<readonly Reply[]> {
  if (fallback === undefined) return ask(items);
  // Made when it is needed: most calls need none.
  let answered: Map<Item, Reply> | undefined;
  const answerHere = async (away: readonly Item[]): Promise<void> => {
    if (away.length === 0) return;
    const replies = await here(away);
    answered ??= new Map();
    for (const [index, item] of away.entries()) answered.set(item, replies[index] as Reply);
  };
  for (let asked = items; ;) {
    if (fallback.isActive) {
      await answerHere(asked.filter(({ complete }) => fallback.isActiveFor(complete)));
      asked = asked.filter((item) => answered?.has(item) !== true);
    }
    if (asked.length === 0) break;
    try {
      const replies = await ask(asked);
      if (answered === undefined && !replies.some((reply) => reply instanceof Error)) return replies;
      answered ??= new Map();
      const lost: Item[] = [];
      for (const [index, item] of asked.entries()) {
        const reply = replies[index] as Reply;
        if (reply instanceof Error && fallback.answersFor(reply, item.complete)) lost.push(item);
        else answered.set(item, reply);
      }
      await answerHere(lost);
      break;
    } catch (error) {
      if (!asked.some(({ complete }) => fallback.answersFor(error, complete))) throw error;
    }
  }
  return items.map((item) => answered?.get(item) as Reply);
}
