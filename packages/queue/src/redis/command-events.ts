import { channel } from 'node:diagnostics_channel';
import type { QueueChannels, QueueCommandEvent } from '../job/channels.ts';
import { isServerError } from './errors.ts';
import type { RedisClient } from './connection-watch.ts';

/** The client below BullMQ's, as far as it is used here. */
interface SendingClient {
  sendCommand(command: SentCommand, ...rest: readonly unknown[]): unknown;
  /** By name. */
  readonly scriptsSet: Readonly<Record<string, { readonly sha: string }>>;
}

interface SentCommand {
  readonly name: string;
  readonly args: readonly unknown[];
  readonly promise: Promise<unknown>;
}

const channelOfCommands = channel('holdfast:queue:command' satisfies keyof QueueChannels);

/**
 * Publishes each command that is sent over a connection of BullMQ's, its own and ours.
 *
 * @param queueOf which queue a command is for; `undefined` where it is for none
 */
export function publishCommands(
  connection: Promise<RedisClient> | undefined,
  part: QueueCommandEvent['part'],
  queueOf: (args: readonly unknown[]) => string | undefined,
): void {
  // Where it cannot be made, its owner says so.
  connection?.then((client) => publishCommandsOf(client, part, queueOf)).catch(() => undefined);
}

export function publishCommandsOf(
  connection: RedisClient,
  part: QueueCommandEvent['part'],
  queueOf: (args: readonly unknown[]) => string | undefined,
): void {
  const client = connection as unknown as SendingClient;
  const send = client.sendCommand.bind(client);
  // The client hands it over again after it has waited for a connection.
  const known = new WeakSet<SentCommand>();
  client.sendCommand = (command, ...rest) => {
    if (!channelOfCommands.hasSubscribers || known.has(command)) return send(command, ...rest);
    known.add(command);
    // Now, as a script turns into its text where it has to be sent so.
    const name = nameOf(command, client);
    const queue = queueOf(command.args);
    const startedAt = performance.now();
    const publish = (outcome: QueueCommandEvent['outcome']): void => {
      const durationMs = performance.now() - startedAt;
      channelOfCommands.publish({ ...(queue !== undefined && { queue }), part, command: name, durationMs, outcome });
    };
    command.promise.then(
      () => publish('ok'),
      (error: unknown) => publish(isServerError(error) ? 'error' : 'unknown'),
    );
    return send(command, ...rest);
  };
}

/** BullMQ's names of scripts end in its version, ours begin with `holdfast:`. */
function nameOf({ name, args }: SentCommand, { scriptsSet }: SendingClient): string {
  if (name !== 'evalsha' && name !== 'eval') return name;
  const script = Object.entries(scriptsSet).find(([, { sha }]) => sha === args[0])?.[0];
  return script === undefined ? name : `script:${script.replace(/^holdfast:/, '').replace(/:.*$/, '')}`;
}
