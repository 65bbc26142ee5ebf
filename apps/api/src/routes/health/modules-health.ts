import type { HealthReading, StartedModule } from '@holdfast/modules';
import type { Logger } from '@holdfast/telemetry';

/** What all modules say of themselves. One that fails at it makes the service unhealthy, and nothing else. */
export class ModulesHealth {
  readonly #modules: readonly StartedModule[];
  readonly #logger: Logger;
  /** By name; so that the log says once that they fail, and not for each probe. */
  readonly #failing = new Set<string>();

  constructor(modules: readonly StartedModule[], logger: Logger) {
    this.#modules = modules;
    this.#logger = logger;
  }

  read(): HealthReading {
    const readings = this.#modules.map(({ module, running }): HealthReading => {
      try {
        const reading = module.health(running.part);
        this.#failing.delete(module.name);
        return reading;
      } catch (error) {
        this.#failed(module.name, error);
        return { isHealthy: false, fields: {} };
      }
    });
    const unreadable = [...this.#failing];
    return {
      isHealthy: readings.every(({ isHealthy }) => isHealthy),
      isDegraded: readings.some(({ isDegraded = false }) => isDegraded),
      fields: Object.assign(
        {},
        ...readings.map(({ fields }) => fields),
        unreadable.length > 0 && { unreadable },
      ) as HealthReading['fields'],
    };
  }

  #failed(module: string, error: unknown): void {
    if (this.#failing.has(module)) return;
    this.#failing.add(module);
    this.#logger.error({ module, err: error }, 'a module cannot say how it is');
  }
}
