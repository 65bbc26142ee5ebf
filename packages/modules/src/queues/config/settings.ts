import type { Config } from '@holdfast/config';

/** What the configuration says of the queues. */
export interface QueuesSettings {
  /** By name: the built-in ones with what is changed of them, and those that are declared. */
  readonly queues: Config['queues'];
  /** Names of queues that are turned off. */
  readonly disabled: readonly string[];
  readonly outbox: Config['outbox'];
  readonly httpDelivery: Config['httpDelivery'];
}

export const queuesConfig = {
  settings: ({ queues, disabled, outbox, httpDelivery }: Config): QueuesSettings => ({
    queues,
    disabled: disabled.queues,
    outbox,
    httpDelivery,
  }),
};
