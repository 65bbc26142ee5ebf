import { RequestTooLargeError } from '@holdfast/redis-core';

/**
 * Sends items together; what is too much for one request in halves. One that is too much by itself fails alone: its error is in
 * its place. Any other error is that of all.
 */
export async function inParts<Item, Reply>(
  items: readonly Item[],
  send: (some: readonly Item[]) => Promise<readonly Reply[]>,
): Promise<readonly (Reply | Error)[]> {
  try {
    return await send(items);
  } catch (error) {
    if (!(error instanceof RequestTooLargeError)) throw error;
    if (items.length === 1) return [error];
    const middle = Math.ceil(items.length / 2);
    const first = await inParts(items.slice(0, middle), send);
    return [...first, ...(await inParts(items.slice(middle), send))];
  }
}
