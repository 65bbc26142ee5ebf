import { definePart, disabledIn, record } from '@holdfast/config/part';
import { findQueuePairs } from '../own/queue-pairs.ts';
import { mergeQueues } from './merge.ts';
import { QueuesInCode } from './queues-in-code.ts';
import { queueSections } from './schema.ts';
import { checkServed } from './served-queues.ts';
import type { QueuesSettings } from './settings.ts';
import { queueVariables } from './variables.ts';
import { warnOfUntold } from './warnings.ts';

/**
 * The queues: which there are, which of them a worker serves, and how jobs are delivered over HTTP. A module that has queues of
 * its own tells it of them when it drafts.
 */
export const queuesPart = definePart({
  name: 'queues',
  variables: queueVariables,
  file: queueSections,
  draft: ({ file }) => ({ disabled: disabledIn(file.queues ?? {}), inCode: new QueuesInCode() }),
  read({ values, file, directory, problems, warnings, readSecret, draft: { disabled, inCode } }): QueuesSettings {
    const own = findQueuePairs([file.handlers ?? []].flat(), { directory, disabled });
    const byName = record(
      mergeQueues(
        file.queues ?? {},
        {
          inCode: inCode.names(),
          inFiles: own.names,
          readSecret: (variable, path) => readSecret(variable, queueVariables.WEBHOOK_SECRET, path),
        },
        problems,
      ),
    );
    const known = [...inCode.names(), ...Object.keys(byName), ...own.names];
    checkServed(values.WORKER_QUEUES, { known, disabled }, problems);
    warnOfUntold({ webhookUrl: values.WEBHOOK_URL, byName, disabled }, warnings);
    return {
      byName,
      inCode: inCode.definitions,
      own,
      disabled,
      served: values.WORKER_QUEUES ?? null,
      outbox: file.outbox ?? {},
      ...(file.producer?.addBatchSize !== undefined && { addBatchSize: file.producer.addBatchSize }),
      ...(values.HOLDFAST_GENERATION !== undefined && { generation: values.HOLDFAST_GENERATION }),
      httpDelivery: {
        allowPrivate: values.HTTP_DELIVERY_ALLOW_PRIVATE,
        ...(values.WEBHOOK_URL !== undefined && { webhookUrl: values.WEBHOOK_URL }),
        webhookSecrets: [values.WEBHOOK_SECRET, values.WEBHOOK_SECRET_PREVIOUS].filter(
          (secret) => secret !== undefined,
        ),
      },
    };
  },
});
