import { Command, type Redis } from 'ioredis';
import type { Bytes } from '../engine.ts';

/** What is written at once, though the tick is not over: Redis works on it while the rest is made. */
const FLUSH_AT = 16 * 1024;
/** A longer Buffer is written by itself instead of being copied into the text of the others. */
const COPIED_BYTES = 4096;

type Argument = string | Buffer | number;

/** Typed as part of the library's signature, not exported by it. */
type WriteableStream = Parameters<Redis['sendCommand']>[1];

/**
 * What one connection writes in a tick, as one write. Bytes are collected as text of one byte a character ("binary"), the
 * form in which short commands are joined fastest; 64 callers with a `get` each cost a third of what the library's
 * automatic pipeline costs them. At most `FLUSH_AT` and one command are held, never longer than until the next immediate.
 */
class TickWriter {
  readonly #client: Redis;
  #text = '';
  /** The socket that the text is for: what was meant for one that is gone must not reach its successor. */
  #stream: Redis['stream'] | undefined;
  #isScheduled = false;

  constructor(client: Redis) {
    this.#client = client;
  }

  /** What the library calls with a command of its own. */
  write(data: string | Buffer): boolean {
    if (data.length > 0) this.#add(typeof data === 'string' ? binary(data) : data.toString('latin1'));
    return true;
  }

  writeCommand(name: string, args: readonly unknown[]): void {
    let text = `*${args.length + 1}\r\n$${name.length}\r\n${name}\r\n`;
    for (const arg of args) {
      if (!Buffer.isBuffer(arg)) {
        const bytes = binary(String(arg));
        text += `$${bytes.length}\r\n${bytes}\r\n`;
      } else if (arg.length <= COPIED_BYTES) {
        text += `$${arg.length}\r\n${arg.toString('latin1')}\r\n`;
      } else {
        this.#add(`${text}$${arg.length}\r\n`);
        this.flush(arg);
        text = '\r\n';
      }
    }
    this.#add(text);
  }

  /** Writes now, and `more` behind it. */
  flush(more?: Buffer): void {
    const text = this.#text;
    const stream = this.#stream;
    this.#text = '';
    this.#stream = undefined;
    // The commands are in the client's queue, which fails them with the connection.
    if (stream === undefined || stream !== this.#client.stream || !stream.writable) return;
    if (more === undefined) {
      stream.write(text, 'latin1');
      return;
    }
    stream.cork();
    stream.write(text, 'latin1');
    stream.write(more);
    stream.uncork();
  }

  #add(text: string): void {
    const { stream } = this.#client;
    if (this.#stream !== stream) {
      this.#stream = stream;
      this.#text = '';
    }
    this.#text += text;
    if (this.#text.length >= FLUSH_AT) this.flush();
    else if (!this.#isScheduled) {
      this.#isScheduled = true;
      setImmediate(() => {
        this.#isScheduled = false;
        this.flush();
      });
    }
  }
}

function isForeign(argument: Bytes | number): argument is Uint8Array {
  return typeof argument === 'object' && !Buffer.isBuffer(argument);
}

/** The library writes a Buffer as it is, and any other Uint8Array as the text of its numbers. */
function asArgument(argument: Bytes | number): Argument {
  return isForeign(argument) ? Buffer.from(argument.buffer, argument.byteOffset, argument.byteLength) : argument;
}

/** A character a byte, as UTF-8 has them. */
function binary(text: string): string {
  return Buffer.byteLength(text) === text.length ? text : Buffer.from(text).toString('latin1');
}

/** Bytes, whatever the encoding of the client. */
const AS_BYTES = { replyEncoding: null } as const;

/**
 * A command that replies bytes, and writes itself into what the tick writes. A client that writes nothing together writes
 * it as any other command.
 */
export class BatchedCommand extends Command {
  constructor(name: string, args: readonly (Bytes | number)[]) {
    super(name, args.some(isForeign) ? args.map(asArgument) : (args as Argument[]), AS_BYTES);
  }

  override toWritable(stream: object): string | Buffer {
    if (!(stream instanceof TickWriter)) return super.toWritable(stream);
    stream.writeCommand(this.name, this.args);
    return '';
  }
}

const writers = new WeakMap<Redis, TickWriter>();

/**
 * Makes a client of one server write the commands of one tick at once, in their order, without waiting for the replies to
 * those of the tick before (as the library's own `enableAutoPipelining` does). Replies the client.
 */
export function joinWrites(client: Redis): Redis {
  const writer = new TickWriter(client);
  writers.set(client, writer);
  const send = client.sendCommand.bind(client);
  client.sendCommand = (command: Command, stream?: WriteableStream): unknown => {
    // The library asks of it what a stream can that is only written to.
    if (stream === undefined && client.status === 'ready') return send(command, writer as unknown as WriteableStream);
    writer.flush(); // Replies are told apart by the order of the commands.
    return send(command, stream);
  };
  return client;
}

/** Writes what the client has collected in this tick now. */
export function flushWrites(client: Redis): void {
  writers.get(client)?.flush();
}
