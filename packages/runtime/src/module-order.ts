import type { AnyModule } from '@holdfast/modules';
import { exitCodes, StartError } from './start-error.ts';

/** @throws StartError when two modules have one name, or one stands before a module that it needs */
export function checkOrder(modules: readonly AnyModule[]): void {
  const before = new Map<string, AnyModule>();
  for (const module of modules) {
    if (before.has(module.name)) throw wrongList(`Two modules are called "${module.name}"`);
    for (const needed of Object.values(module.needs)) {
      if (before.get(needed.name) === needed) continue;
      throw wrongList(`The module "${module.name}" needs "${needed.name}", which has to stand before it`);
    }
    before.set(module.name, module);
  }
}

function wrongList(problem: string): StartError {
  return new StartError(`${problem} in the list of modules.`, exitCodes.misconfigured);
}
