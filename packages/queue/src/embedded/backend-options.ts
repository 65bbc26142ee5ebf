import { checkOptions, list, type OptionRules, text } from '@holdfast/redis-core';
import type { CrashLimit } from './recovery.ts';

export interface EmbeddedBackendOptions {
  /** Made where it does not exist. One process at a time can use it. */
  readonly directory: string;
  /** Queues whose `maxCrashes` counts for what the last process left behind; for others it is the default. */
  readonly definitions?: readonly CrashLimit[];
}

const embeddedBackend: OptionRules<EmbeddedBackendOptions> = { directory: text, definitions: list };

/** @throws OptionInvalidError naming the option that is not allowed */
export function checkEmbeddedBackendOptions(options: EmbeddedBackendOptions): void {
  checkOptions('createEmbeddedBackend', options, embeddedBackend);
}
