import type { BuiltInJobs } from '@holdfast/jobs';
import type { Handlers } from '@holdfast/queue';
import { cacheModule } from './cache/index.ts';
import type { ConfigOf } from './module.ts';
import type { createHandlers as createQueuesHandlers } from './queues/handlers/index.ts';
import { queuesModule } from './queues/index.ts';
import type { createHandlers as createSourcesHandlers } from './sources/handlers/index.ts';
import { sourcesModule } from './sources/index.ts';

/** What Holdfast is made of, in the order in which it is made: each after those that it needs. Closing runs backwards. */
export const modules = [cacheModule, queuesModule, sourcesModule] as const;

export type BuiltInModules = typeof modules;

/** What the processes of Holdfast are told. */
export type HoldfastConfig = ConfigOf<BuiltInModules>;

type ByQueue = Awaited<ReturnType<typeof createQueuesHandlers>>['byQueue'] &
  ReturnType<typeof createSourcesHandlers>['byQueue'];

type Complete<All extends Handlers<BuiltInJobs>> = All;

/** What runs the jobs of the catalogue. While one of its queues has no handler in these modules, this does not compile. */
export type BuiltInHandlers = Complete<ByQueue>;
