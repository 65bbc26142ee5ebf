import { setTimeout as sleep } from 'node:timers/promises';
import type { UpstashTarget } from '../connection.ts';
import type { Unsubscribe } from '../engine.ts';
import { UnavailableError, UnsupportedError } from '../errors.ts';
import { reconnectDelayMs } from './ioredis-client.ts';

/** The longest message that is kept while its end has not come. */
const MAX_LINE = 1024 * 1024;

/**
 * Subscriptions over server-sent events (`POST /subscribe/<channel>`): one HTTP response a channel, opened again when it
 * ends. Messages are text there; bytes that are not UTF-8 are lost, which is why nothing in Holdfast publishes such.
 */
export class UpstashSubscriber {
  readonly #target: UpstashTarget;
  readonly #open = new Set<AbortController>();

  constructor(target: UpstashTarget) {
    this.#target = target;
  }

  /** @throws UnsupportedError when the server has no such endpoint */
  async subscribe(channel: string, listener: (message: Buffer) => void, timeoutMs: number): Promise<Unsubscribe> {
    const controller = new AbortController();
    this.#open.add(controller);
    const leave = (): void => {
      this.#open.delete(controller);
      controller.abort();
    };
    try {
      const lines = await this.#connect(channel, controller.signal, timeoutMs);
      void this.#follow(channel, listener, lines, controller.signal);
      return leave;
    } catch (error) {
      leave();
      throw error;
    }
  }

  close(): void {
    for (const controller of this.#open) controller.abort();
    this.#open.clear();
  }

  /** Resolves with the events once the server has said that the subscription stands. */
  async #connect(channel: string, signal: AbortSignal, timeoutMs: number): Promise<AsyncIterator<string>> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), timeoutMs);
    try {
      const response = await fetch(`${this.#target.url.replace(/\/$/, '')}/subscribe/${encodeURIComponent(channel)}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${this.#target.token}`, accept: 'text/event-stream' },
        signal: AbortSignal.any([signal, late.signal]),
      });
      const type = response.headers.get('content-type') ?? '';
      if (!response.ok || !type.startsWith('text/event-stream') || response.body === null) {
        await response.body?.cancel();
        throw new UnsupportedError(
          `This Upstash REST endpoint cannot subscribe: it answered ${response.status} instead of a stream of events.`,
        );
      }
      const events = eventsOf(response.body);
      for (;;) {
        const event = await events.next();
        if (event.done === true) throw new UnavailableError('The stream of events ended at its start.');
        if (event.value.startsWith('subscribe,')) return events;
      }
    } catch (error) {
      if (error instanceof UnsupportedError || error instanceof UnavailableError) throw error;
      throw new UnavailableError(`Subscribing to ${channel} failed.`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  async #follow(
    channel: string,
    listener: (message: Buffer) => void,
    first: AsyncIterator<string>,
    signal: AbortSignal,
  ): Promise<void> {
    const start = `message,${channel},`;
    let events: AsyncIterator<string> | undefined = first;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      try {
        events ??= await this.#connect(channel, signal, 10_000);
        attempt = 0;
        for (let event = await events.next(); event.done !== true; event = await events.next()) {
          if (event.value.startsWith(start)) listener(Buffer.from(event.value.slice(start.length)));
        }
      } catch {
        // It was cut; what was published meanwhile is lost, as the port says.
      }
      events = undefined;
      if (!signal.aborted) await wait(reconnectDelayMs(attempt + 1), signal);
    }
  }
}

/** The `data:` lines of a stream of server-sent events. */
async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_LINE) throw new Error('An event is too long.');
    for (const line of lines) if (line.startsWith('data: ')) yield line.slice(6).replace(/\r$/, '');
  }
}

async function wait(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
