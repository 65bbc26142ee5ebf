import type { Command } from '../command.ts';
import { Timed } from '../deadline-wheel.ts';
import { lostReply } from '../reply-error.ts';
import type { IoredisLink } from './ioredis-link.ts';
import type { BatchedCommand } from './ioredis-writes.ts';

/**
 * One command on its way, to be put on the wheel of deadlines. When its time has come its promise rejects; the client still
 * takes the reply, whenever it comes, and drops it.
 */
export class Attempt extends Timed {
  readonly #link: IoredisLink;
  readonly #startedAt: number;
  readonly #command: Command<unknown>;
  readonly #written: BatchedCommand;

  constructor(link: IoredisLink, startedAt: number, command: Command<unknown>, written: BatchedCommand) {
    super();
    this.#link = link;
    this.#startedAt = startedAt;
    this.#command = command;
    this.#written = written;
  }

  override expire(): void {
    this.#link.timedOut(performance.now() - this.#startedAt);
    reject(this.#command, this.#written);
  }
}

/** Commands that were written together and have one deadline. The breaker counts them as one call. */
export class BatchAttempt extends Timed {
  readonly #link: IoredisLink;
  readonly #startedAt: number;
  readonly #commands: readonly Command<unknown>[];
  readonly #written: readonly BatchedCommand[];

  constructor(
    link: IoredisLink,
    startedAt: number,
    commands: readonly Command<unknown>[],
    written: readonly BatchedCommand[],
  ) {
    super();
    this.#link = link;
    this.#startedAt = startedAt;
    this.#commands = commands;
    this.#written = written;
  }

  override expire(): void {
    this.#link.timedOut(performance.now() - this.#startedAt);
    for (const [index, command] of this.#commands.entries()) {
      const written = this.#written[index];
      if (written?.isSettled === false) reject(command, written);
    }
  }
}

function reject(command: Command<unknown>, written: BatchedCommand): void {
  written.reject(lostReply(command.safety, `Redis did not answer ${command.name} in time.`));
}
