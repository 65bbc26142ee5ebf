export type {
  AnyModule,
  CreateContext,
  Ground,
  Handlers,
  HealthReading,
  Module,
  ModuleHandlers,
  ModuleRoutes,
  NeededModules,
  NoNeeds,
  PartOf,
  Parts,
  Running,
} from './module.ts';
export { modules } from './modules.ts';
