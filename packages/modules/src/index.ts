export type { CachePart } from './cache/create.ts';
export type {
  AnyModule,
  ConfigOf,
  Connection,
  CreateContext,
  Ground,
  Handlers,
  HealthReading,
  Module,
  ModuleHandlers,
  ModuleMetrics,
  ModuleRoutes,
  NeededModules,
  NoNeeds,
  PartOf,
  Parts,
  Running,
  StartedModule,
} from './module.ts';
export { configParts } from './module.ts';
export { modules, type BuiltInHandlers, type BuiltInModules, type HoldfastConfig } from './modules.ts';
export { queuesPart } from './queues/config/part.ts';
export type { QueuesPart } from './queues/create.ts';
export { OwnQueuesError } from './queues/own/own-queues-error.ts';
export type { SourcesPart } from './sources/create.ts';
export { measureWorker, type WorkerReading } from './queues/metrics/worker.ts';
