import type { AnyModule } from '@holdfast/modules';
import type { Metrics } from '@holdfast/telemetry';
import type { Runtime } from './create-runtime.ts';
import { countLateCalls, measureFolder } from './folders/measure-folder.ts';
import { measureServerLoad } from './server-load.ts';

/**
 * Has each module declare its metrics, and count from now on. Once in a process, before its runtime is made: what happens
 * while that is made counts too.
 * @returns has scrapes read the parts, and what Redis refuses and how full it is, once they are there
 */
export function measureModules(
  modules: readonly AnyModule[],
  metrics: Metrics,
): (runtime: Pick<Runtime<unknown>, 'engines' | 'folder' | 'folders' | 'modules' | 'targets' | 'work'>) => void {
  const declared = new Map(modules.map((module) => [module.name, module.metrics(metrics.instruments(module.name))]));
  const ofFolder = metrics.instruments('the data folder');
  countLateCalls(ofFolder);
  return ({ modules: started, work, engines, folder, folders, targets }) => {
    work.measure(metrics.instruments('the work of Redis'));
    measureServerLoad({ engines, targets }, metrics.instruments('the load of Redis'));
    if (folder !== undefined) measureFolder(folder, ofFolder);
    folders?.measure(ofFolder);
    for (const { module, running } of started) declared.get(module.name)?.read?.(running.part);
  };
}
