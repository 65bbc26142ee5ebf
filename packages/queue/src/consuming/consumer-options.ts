import {
  anything,
  callback,
  checkOptions,
  milliseconds,
  type OptionRule,
  type OptionRules,
  wholeNumber,
} from '@holdfast/redis-core';
import type { QueueDefinition } from '../job/define-queue.ts';
import type { QueueBackend } from '../port/backend.ts';
import type { ConsumerTuning } from '../port/consumer-tuning.ts';
import type { OnGivenUp } from './given-up.ts';
import type { MayBlock, QueueHandler } from './handler.ts';
import type { Permits } from './permits.ts';

export interface ConsumerOptions<
  Definition extends QueueDefinition = QueueDefinition,
> extends QueueHandler<Definition> {
  readonly backend: QueueBackend;
  /** Jobs at a time. Default: the definition's. */
  readonly concurrency?: number;
  /** Shared by the consumers of a process, it bounds how many jobs run in all of them. Default: no such bound. */
  readonly permits?: Permits;
  /** Default `consumerProfiles.default`. All consumers of a queue may differ. */
  readonly tuning?: ConsumerTuning;
  readonly onGivenUp?: OnGivenUp;
  /** For who watches the event loop. Default: nobody. */
  readonly mayBlock?: MayBlock;
  /**
   * A module whose default export is an `OnStuckLoop`: called in a thread as soon as the event loop has stood for longer than
   * it may. From then on the process does not keep its jobs any more: others run them, which counts as a crash while it is
   * not back. Default: nobody is told at once; once the loop turns again, `holdfast:queue:stuck-loop` is published.
   */
  readonly onStuckLoop?: URL;
}

const moduleUrl: OptionRule = { must: 'must be the URL of a module', allows: (value) => value instanceof URL };
const consumer: OptionRules<ConsumerOptions> = {
  backend: anything,
  definition: anything,
  handler: anything,
  concurrency: wholeNumber(1, 1000),
  permits: anything,
  tuning: anything,
  onGivenUp: callback,
  mayBlock: callback,
  onStuckLoop: moduleUrl,
};
const seconds: OptionRule = {
  must: 'must be a number of seconds above 0',
  allows: (value) => typeof value === 'number' && value > 0 && Number.isFinite(value),
};
const tuning: OptionRules<ConsumerTuning> = {
  presence: anything,
  blockSeconds: seconds,
  stalledIntervalMs: milliseconds(1),
};
const presence: OptionRules<ConsumerTuning['presence']> = { heartbeatMs: milliseconds(1), ttlMs: milliseconds(1) };

/** @throws OptionInvalidError naming the option that is not allowed */
export function checkConsumerOptions(options: ConsumerOptions): void {
  checkOptions('Consumer', options, consumer);
  if (options.tuning === undefined) return;
  checkOptions('the tuning of Consumer', options.tuning, tuning);
  checkOptions('the presence of Consumer', options.tuning.presence, presence);
}
