import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { deliveryNotice, httpDelivery, type DeliveryNoticeData, type HttpDeliveryData } from '@holdfast/jobs';
import { PermanentError, Queues, type GivenUpJob, type QueueBackend } from '@holdfast/queue';
import type { Logger } from '@holdfast/telemetry';
import type { QueuesSettings } from '../config/settings.ts';
import { isDelivered, send, type Delivery } from './attempt.ts';
import type { Deliverers } from './deliverers.ts';

type Notice = DeliveryNoticeData['notice'];

export interface FailureNoticesOptions {
  readonly settings: QueuesSettings;
  readonly deliverers: Deliverers;
  readonly backend: QueueBackend;
  readonly logger: Logger;
}

const timeoutMs = 10_000;
/** How often a notice is given to the queue while its store is away, and how far apart. */
const adds = 30;
const addPauseMs = 1000;

/**
 * Tells whoever asked for it that a job has failed for good: the `failureUrl` of the job or of its queue, and WEBHOOK_URL.
 * At least once: a notice is a job of its own in http-delivery, with all the attempts of one. Its own failure is logged,
 * and told nobody.
 */
export class FailureNotices {
  readonly #options: FailureNoticesOptions;
  readonly #queues: Queues<readonly (typeof deliveryNotice)[]>;
  /** The queue that delivers notices is turned off, which the start has warned about. */
  readonly #isOff: boolean;

  constructor(options: FailureNoticesOptions) {
    this.#options = options;
    // On the connection of the queue that is there already, which is not closed here.
    this.#isOff = options.settings.disabled.includes(deliveryNotice.name);
    this.#queues = new Queues({ backend: options.backend, definitions: this.#isOff ? [] : [deliveryNotice] });
  }

  /** For `ConsumerOptions.onGivenUp`. */
  async tell(job: GivenUpJob): Promise<void> {
    const { logger } = this.#options;
    if (this.#isOff) return;
    if (job.queue === httpDelivery.name && isNotice(job.data)) {
      const { to, queue, webhookId } = job.data.notice;
      logger.warn({ to, queue, webhookId, error: job.error }, 'nobody could be told that a job has failed');
      return;
    }
    if (job.error.code === 'DELIVERY_GONE') {
      logger.warn({ queue: job.queue, job: job.id }, 'the receiver is gone for good (410): the job is not tried again');
    }
    await Promise.all(this.#noticesOf(job).map(async (notice) => this.#send(notice)));
  }

  /** One request of a notice. @throws PermanentError where its target is no longer configured */
  deliveryOf({ to, url, queue, webhookId, body }: Notice): Delivery {
    const { settings, deliverers } = this.#options;
    const { webhookUrl, webhookSecrets } = settings.httpDelivery;
    const declared = settings.byName[queue]?.delivery;
    const target = to === 'job' ? url : to === 'queue' ? declared?.failureUrl : webhookUrl;
    if (target === undefined) {
      throw new PermanentError('What it was to be sent to is no longer configured.', { code: 'DELIVERY_INVALID' });
    }
    return {
      deliverer: to === 'job' ? deliverers.forJobs : deliverers.forOperator,
      url: target,
      method: 'POST',
      headers: {},
      body,
      timeoutMs,
      webhookId,
      secrets: to === 'queue' ? (declared?.secrets ?? webhookSecrets) : webhookSecrets,
    };
  }

  #noticesOf({ queue, id, name, data, attempts, error, redriven }: GivenUpJob): Notice[] {
    const { httpDelivery: delivery, byName } = this.#options.settings;
    const notices: Notice[] = [];
    // One that is redriven and fails again is another failure: its notice must not pass for a repetition.
    const time = redriven === 0 ? '' : `.${redriven}`;
    const told = { queue, id, attempts, error: error.message };
    if (queue === httpDelivery.name) {
      const { url, failureUrl } = data as HttpDeliveryData;
      if (failureUrl !== undefined) {
        const body = { queue, id, url, attempts, error: error.message };
        notices.push({ to: 'job', url: failureUrl, queue, webhookId: `${queue}:${id}:failure${time}`, body });
      }
    }
    const declared = byName[queue]?.delivery;
    if (declared?.failureUrl !== undefined) {
      const body = { ...told, url: declared.url };
      notices.push({ to: 'queue', queue, webhookId: `${queue}:${id}:failure${time}`, body });
    }
    if (delivery.webhookUrl !== undefined) {
      const body = {
        type: 'job.failed',
        timestamp: new Date().toISOString(),
        data: { queue, id, name, attempts, error },
      };
      notices.push({ to: 'webhook', queue, webhookId: `${queue}:${id}:failed${time}`, body });
    }
    return notices;
  }

  async #send(notice: Notice): Promise<void> {
    // Mostly told at once, and so before the failure of the job can be seen. What that cannot do is left to the queue.
    if (notice.to === 'job' && (await this.#sendNow(notice))) return;
    await this.#enqueue(notice);
  }

  /** Whether that is all there is to do. */
  async #sendNow(notice: Notice): Promise<boolean> {
    try {
      return isDelivered(await send(this.deliveryOf(notice)));
    } catch (error) {
      if (!(error instanceof PermanentError)) return false;
      const { queue, webhookId } = notice;
      this.#options.logger.warn({ queue, webhookId, err: error }, 'nobody can be told that a job has failed');
      return true;
    }
  }

  /** While its store is away the job cannot be recorded as failed either: there is no hurry. */
  async #enqueue(notice: Notice): Promise<void> {
    // The same for each time that it is told, so that it waits once.
    const jobId = `notice.${createHash('sha256').update(`${notice.to}:${notice.webhookId}`).digest('hex').slice(0, 32)}`;
    for (let left = adds - 1; ; left -= 1) {
      try {
        await this.#queues.add(deliveryNotice.name, { name: 'failure-notice', data: { notice }, options: { jobId } });
        return;
      } catch (error) {
        if (left === 0) throw error;
        await sleep(addPauseMs, undefined, { ref: false });
      }
    }
  }
}

/** Whether a job of http-delivery is a notice, which has no URL of its own. */
export function isNotice(data: unknown): data is DeliveryNoticeData {
  return typeof data === 'object' && data !== null && 'notice' in data;
}
