import type { Handlers } from '@holdfast/modules';
import type { Handler, OnGivenUp, ThreadHandler } from '@holdfast/queue';
import { exitCodes, StartError, type Runtime } from '@holdfast/runtime';
import type { Logger } from '@holdfast/telemetry';

/** What all modules together do in this worker. */
export interface LoadedHandlers {
  /** In the order of the queues, without those that are turned off. */
  readonly byQueue: ReadonlyMap<string, Handler | ThreadHandler>;
  readonly onGivenUp: OnGivenUp;
  start(worker: { readonly consumes: (queue: string) => boolean }): void;
  stop(): Promise<unknown>;
  close(): Promise<unknown>;
}

/** Imports the handlers of the modules and makes them. @throws as `buildWorker`; those that were made are closed */
export async function loadHandlers(
  { modules, parts }: Pick<Runtime, 'modules' | 'parts'>,
  { disabled, logger }: { readonly disabled: readonly string[]; readonly logger: Logger },
): Promise<LoadedHandlers> {
  const all: Handlers[] = [];
  const close = async (): Promise<unknown> => Promise.all(all.map(async (handlers) => handlers.close?.()));
  const queues = parts.queues.queues.names();
  try {
    const found = new Map<string, FoundHandler>();
    for (const { module, running } of modules) {
      const loaded = await module.handlers?.();
      if (loaded === undefined) continue;
      const handlers = await loaded.createHandlers({ ...running, logger });
      all.push(handlers);
      addHandlers(found, handlers, module.name);
    }
    for (const [queue, { of }] of found) {
      if (queues.includes(queue) || disabled.includes(queue)) continue;
      throw wrongHandler(`The module "${of}" handles the queue "${queue}", which is defined nowhere.`);
    }
    return {
      byQueue: new Map(
        queues.flatMap((queue): [string, Handler | ThreadHandler][] => {
          const handler = found.get(queue)?.handler;
          return handler === undefined ? [] : [[queue, handler]];
        }),
      ),
      onGivenUp: async (job) => {
        await Promise.all(all.map(async (handlers) => handlers.onGivenUp?.(job)));
      },
      start: (worker) => all.forEach((handlers) => handlers.start?.(worker)),
      stop: async () => Promise.all(all.map(async (handlers) => handlers.stop?.())),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

interface FoundHandler {
  readonly handler: Handler | ThreadHandler;
  /** The module that has it. */
  readonly of: string;
}

function addHandlers(found: Map<string, FoundHandler>, { byQueue }: Handlers, of: string): void {
  for (const [queue, handler] of Object.entries(byQueue)) {
    const other = found.get(queue)?.of;
    if (other !== undefined) {
      throw wrongHandler(`The modules "${other}" and "${of}" both handle the queue "${queue}".`);
    }
    found.set(queue, { handler, of });
  }
}

function wrongHandler(problem: string): StartError {
  return new StartError(problem, exitCodes.misconfigured);
}
