import { declaredQueue, type InstalledQueues } from '@holdfast/jobs';
import { defineQueue, type QueueDefinition } from '@holdfast/queue';
import type { QueuesSettings } from './config/settings.ts';

/**
 * The queues that there are: those of the catalogue, of modules and of files of the installation, with what the configuration
 * says otherwise, and those that only the configuration knows.
 */
export function queueDefinitions(
  { byName, inCode, disabled }: QueuesSettings,
  inFiles: readonly QueueDefinition[],
): InstalledQueues {
  const enabled: readonly QueueDefinition[] = [...inCode, ...inFiles].filter(({ name }) => !disabled.includes(name));
  const changed = enabled.map((definition) => {
    const { retention, ...overrides } = byName[definition.name] ?? {};
    return defineQueue({
      ...definition,
      ...overrides,
      retention: { ...definition.retention, ...retention },
    });
  });
  const declared = Object.entries(byName).flatMap(([name, { delivery, ...queue }]) =>
    delivery === undefined ? [] : [declaredQueue(name, queue)],
  );
  return [...changed, ...declared];
}

/** The names that a queue of the installation cannot have, each with what has it. */
export function namesOfOthers({ byName, inCode }: QueuesSettings): ReadonlyMap<string, string> {
  const itself = inCode.map(({ name }) => [name, 'a queue of Holdfast itself'] as const);
  const declared = Object.keys(byName)
    .filter((name) => byName[name]?.delivery !== undefined)
    .map((name) => [name, `queues.${name}.url in holdfast.yaml`] as const);
  return new Map([...itself, ...declared]);
}
