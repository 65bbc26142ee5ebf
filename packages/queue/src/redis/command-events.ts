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

/** Publishes each command that is sent over a connection which BullMQ made, its own and ours. */
export function publishCommands(
  connection: Promise<RedisClient> | undefined,
  queue: string,
  part: QueueCommandEvent['part'],
): void {
  // Where it cannot be made, its owner says so.
  connection?.then((client) => follow(client as unknown as SendingClient, queue, part)).catch(() => undefined);
}

function follow(client: SendingClient, queue: string, part: QueueCommandEvent['part']): void {
  const send = client.sendCommand.bind(client);
  // The client hands it over again after it has waited for a connection.
  const known = new WeakSet<SentCommand>();
  client.sendCommand = (command, ...rest) => {
    if (!channelOfCommands.hasSubscribers || known.has(command)) return send(command, ...rest);
    known.add(command);
    // Now, as a script turns into its text where it has to be sent so.
    const name = nameOf(command, client);
    const startedAt = performance.now();
    const publish = (outcome: QueueCommandEvent['outcome']): void => {
      channelOfCommands.publish({ queue, part, command: name, durationMs: performance.now() - startedAt, outcome });
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
