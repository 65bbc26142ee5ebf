import type { Metrics } from '@holdfast/telemetry';
import type { Runtime } from './create-runtime.ts';

/** Has each module declare its metrics. Once in a process, as soon as the runtime is there: what is published before counts nowhere. */
export function measureModules({ modules }: Pick<Runtime<unknown>, 'modules'>, metrics: Metrics): void {
  for (const { module, running } of modules) module.metrics(running.part, metrics.instruments(module.name));
}
