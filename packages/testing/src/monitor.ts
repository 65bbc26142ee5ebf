import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { Latch } from './latch.ts';
import { parseMonitorLine, type MonitoredCommand } from './monitor-line.ts';
import { parseRedisUrl, PlainRedis } from './plain-redis.ts';

export type { MonitoredCommand } from './monitor-line.ts';

export interface MonitorOptions {
  /**
   * Keeps only commands that this returns true for. On the shared Redis other tests run commands too, so take those
   * whose arguments contain your prefix; a server of your own needs no filter.
   */
  readonly where?: (command: MonitoredCommand) => boolean;
}

/** What clients sent since the start or the last `reset`. Commands that scripts ran are kept apart. */
export interface Monitor {
  /** The argument vectors of client commands, in the order in which Redis ran them. */
  commands(): string[][];
  /** The same with time, database and client address. */
  entries(): MonitoredCommand[];
  /** Commands that ran inside scripts: Redis does not bill nor transport these. */
  scriptCommands(): string[][];
  /** Each client command with those that ran inside it, where it is a script, in the order in which Redis ran them. */
  withInner(): { readonly argv: readonly string[]; readonly inner: readonly (readonly string[])[] }[];
  /** How many client commands there were, of all names or of one (any case). */
  count(name?: string): number;
  /** Resolves when everything that Redis had run before this call has been seen. */
  settle(): Promise<void>;
  /** Forgets what was seen. */
  reset(): void;
  stop(): Promise<void>;
}

/** Counts commands with MONITOR over a plain socket. The connection's own commands are never counted. */
export async function monitor(url: string, options: MonitorOptions = {}): Promise<Monitor> {
  const marker = await PlainRedis.connect(url);
  const feed = await openFeed(url);
  const where = options.where ?? (() => true);
  const markers = new Map<string, Latch>();
  let clientCommands: MonitoredCommand[] = [];
  let scriptCommands: MonitoredCommand[] = [];
  let withInner: { readonly argv: readonly string[]; readonly inner: (readonly string[])[] }[] = [];

  const keep = (command: MonitoredCommand): void => {
    (command.addr === 'lua' ? scriptCommands : clientCommands).push(command);
    // Redis serves nobody else while a script runs, and tells its monitors of the script first.
    if (command.addr === 'lua') withInner.at(-1)?.inner.push(command.argv);
    else withInner.push({ argv: command.argv, inner: [] });
  };

  feed.onLine((line) => {
    const command = parseMonitorLine(line);
    if (command === undefined) return;
    const seen = command.argv[1] === undefined ? undefined : markers.get(command.argv[1]);
    if (seen !== undefined) seen.open();
    else if (where(command)) keep(command);
  });

  return {
    commands: () => clientCommands.map((command) => command.argv.slice()),
    entries: () => [...clientCommands],
    scriptCommands: () => scriptCommands.map((command) => command.argv.slice()),
    withInner: () => withInner.map(({ argv, inner }) => ({ argv, inner: inner.slice() })),
    count: (name) =>
      name === undefined
        ? clientCommands.length
        : clientCommands.filter((command) => command.argv[0]?.toLowerCase() === name.toLowerCase()).length,
    async settle() {
      // Redis feeds its monitors in the order in which it runs commands: behind the marker nothing older can come.
      const id = `settle-${randomUUID()}`;
      const seen = new Latch();
      markers.set(id, seen);
      await marker.send('PING', id);
      await seen.wait();
      markers.delete(id);
    },
    reset() {
      clientCommands = [];
      scriptCommands = [];
      withInner = [];
    },
    async stop() {
      marker.close();
      await feed.close();
    },
  };
}

async function openFeed(
  url: string,
): Promise<{ onLine(listener: (line: string) => void): void; close(): Promise<void> }> {
  const { host, port } = parseRedisUrl(url);
  const { username, password } = new URL(url);
  const socket = connect({ host, port });
  await once(socket, 'connect');
  socket.on('error', () => {});
  const lines = createInterface({ input: socket, crlfDelay: Number.POSITIVE_INFINITY });
  const armed = Promise.withResolvers<void>();
  let repliesLeft = password === '' ? 1 : 2;
  const listeners: ((line: string) => void)[] = [];
  lines.on('line', (line) => {
    if (repliesLeft === 0) {
      for (const listener of listeners) listener(line);
    } else if (line.startsWith('-')) {
      armed.reject(new Error(`MONITOR was refused: ${line}`));
    } else {
      repliesLeft -= 1;
      if (repliesLeft === 0) armed.resolve();
    }
  });
  if (password !== '')
    socket.write(`AUTH ${decodeURIComponent(username || 'default')} ${decodeURIComponent(password)}\r\n`);
  socket.write('MONITOR\r\n');
  await armed.promise;
  return {
    onLine: (listener) => listeners.push(listener),
    async close() {
      lines.close();
      if (socket.closed) return;
      socket.destroy();
      await once(socket, 'close');
    },
  };
}
