import type { AnyModule, Connection } from '@holdfast/modules';
import type { Runtime } from './create-runtime.ts';

/** What a process is connected to: its engines, and what its modules say. */
export interface Connections {
  readonly engines: { readonly [Name in keyof Runtime['engines']]: Connection };
  readonly modules: readonly {
    readonly module: Pick<AnyModule, 'connections'>;
    readonly running: { readonly part: unknown };
  }[];
}

/** The connections of the modules, by the names that they have in reports. */
export function connectionsOfModules({ modules }: Pick<Connections, 'modules'>): Readonly<Record<string, Connection>> {
  return Object.assign({}, ...modules.map(({ module, running }) => module.connections?.(running.part))) as Record<
    string,
    Connection
  >;
}

/** The states of all of them, those of the engines first. */
export function connectionStates({ engines, modules }: Connections): readonly Connection['status'][] {
  const all = [engines.cache, engines.durable, ...Object.values(connectionsOfModules({ modules }))];
  return all.map(({ status }) => status);
}
