import type { Handlers, NoNeeds, Running } from '@holdfast/modules';
import { toyTurns, type Toys, type ToySettings } from './index.ts';

export function createHandlers({ part: toys, settings }: Running<ToySettings, NoNeeds, Toys>): Handlers {
  return {
    byQueue: {
      [toyTurns.name]: async (job) => toys.turn((job.data as { readonly toy: string }).toy, settings.step),
    },
  };
}
