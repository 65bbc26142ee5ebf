/** What a compiler says of each of these lines is compared in `test/compilers.test.ts`, in their order. */
import type { Cache } from '@holdfast/cache';

interface User {
  name: string;
  tags: string[];
}
declare const cache: Cache;

const user = await cache.getOrSet('7', async ({ key }): Promise<User> => ({ name: key, tags: [] }));
user.name = 'Bob';
user.tags.push('b');
void cache.getOrSet<User>('7', async () => undefined);
export const name: string = await cache.getOrSet('7', () => ['Ada'].at(0));
