import { cacheModule } from './cache/index.ts';
import { queuesModule } from './queues/index.ts';
import { sourcesModule } from './sources/index.ts';

/** What Holdfast is made of, in the order in which it is made: each after those that it needs. Closing runs backwards. */
export const modules = [cacheModule, queuesModule, sourcesModule] as const;

export type BuiltInModules = typeof modules;
