import type { JobJson, RedisQueueBackend } from 'bullmq';
import { QueueUnavailableError } from '../errors.ts';
import { loadLua } from '../lua.ts';
import type { RedisClient } from './redis-watch.ts';

const wrapper = loadLua('guarded-add');

/**
 * Adds through BullMQ's own script, wrapped (see lua/guarded-add.lua) so that it cannot run after its deadline and
 * says whether the job existed. One command, one round trip.
 */
export class GuardedAdd {
  /** Redis' clock minus ours, milliseconds; learned from every reply. */
  #offsetMs: number | undefined;

  /**
   * @param deadline by our clock, milliseconds since the epoch
   * @throws QueueUnavailableError when Redis got to it too late. Other errors as ioredis throws them.
   */
  async run(
    client: RedisClient,
    backend: RedisQueueBackend,
    job: JobJson,
    id: string,
    deadline: number,
  ): Promise<{ existed: boolean }> {
    if (this.#offsetMs === undefined) await this.#measureClock(client);
    for (let attempt = 1; ; attempt += 1) {
      const status = await this.#send(client, backend, job, id, deadline);
      if (status !== 'late') return { existed: status === 'existed' };
      // Either the command was really held up, or the clock of Redis jumped: the reply brought the new time with it.
      if (attempt === 2 || Date.now() >= deadline) {
        throw new QueueUnavailableError('Redis got to the add too late; nothing was added.');
      }
    }
  }

  async #send(
    client: RedisClient,
    backend: RedisQueueBackend,
    job: JobJson,
    id: string,
    deadline: number,
  ): Promise<string> {
    let status = '';
    // What BullMQ hands its command and arguments to: it runs the wrapped script in place of the plain one.
    const runner = {
      runCommand: async (name: string, args: unknown[]): Promise<unknown> => {
        const sentAt = Date.now();
        const latest = Math.floor(deadline + (this.#offsetMs ?? 0));
        const reply: unknown = await client.runCommand(defineWrapped(client, name), [
          ...args,
          backend.toKey(id),
          latest,
        ]);
        const [outcome, result, now] = reply as [string, string | number, string];
        this.#learn(Number(now), sentAt);
        status = outcome;
        return result;
      },
    };
    await backend.addJobToTransaction(runner as unknown as RedisClient, job, id);
    return status;
  }

  async #measureClock(client: RedisClient): Promise<void> {
    const sentAt = Date.now();
    const [seconds, microseconds] = await (client as unknown as { time(): Promise<[string, string]> }).time();
    this.#learn(Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000), sentAt);
  }

  /** A reply that took long says little about the clock, so only quick ones, or the first, are believed. */
  #learn(redisNow: number, sentAt: number): void {
    const receivedAt = Date.now();
    const uncertain = receivedAt - sentAt > 1000;
    if (uncertain && this.#offsetMs !== undefined) return;
    this.#offsetMs = redisNow - (sentAt + receivedAt) / 2;
  }
}

/** Registers the wrapped form of a script of BullMQ's on this connection, once, and returns its name. */
function defineWrapped(client: RedisClient, name: string): string {
  const wrapped = `holdfast:${name}`;
  const registry = client as unknown as {
    scriptsSet: Record<string, { lua: string; numberOfKeys: number } | undefined>;
  };
  if (registry.scriptsSet[wrapped] === undefined) {
    // The text that BullMQ registered, so that an upgrade of BullMQ is followed by itself.
    const original = registry.scriptsSet[name];
    if (original === undefined) throw new Error(`BullMQ has no script "${name}" on this connection.`);
    client.defineCommand(wrapped, {
      numberOfKeys: original.numberOfKeys,
      // A function, because the text holds `$`.
      lua: wrapper.replace('--[[BULLMQ]]', () => original.lua),
    });
  }
  return wrapped;
}
