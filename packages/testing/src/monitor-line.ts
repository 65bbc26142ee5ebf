/** One line of MONITOR. */
export interface MonitoredCommand {
  /** The server's time, seconds since the epoch. */
  readonly at: number;
  readonly db: number;
  /** `host:port` of the client, `unix:<path>`, or `lua` for a command that a script ran. */
  readonly addr: string;
  /** The command name as it was sent, and its arguments; bytes that are no UTF-8 come as U+FFFD. */
  readonly argv: readonly string[];
}

/** Parses `1339518083.107412 [0 127.0.0.1:60866] "get" "k"`; `undefined` for a line of another shape. */
export function parseMonitorLine(line: string): MonitoredCommand | undefined {
  const head = /^\+?(\d+\.\d+) \[(\d+) ([^\]]*(?:\][^\]"]*)?)\] (?=")/.exec(line);
  if (head === null) return undefined;
  const [whole, at, db, addr] = head;
  return { at: Number(at), db: Number(db), addr: addr ?? '', argv: parseArguments(line.slice(whole.length)) };
}

/** Quoted strings with the escapes that Redis writes: `\\ \" \n \r \t \a \b \xhh`. */
function parseArguments(text: string): string[] {
  const quoted = text.match(/"(?:[^"\\]|\\.)*"/g) ?? [];
  return quoted.map((part) => unescape(part.slice(1, -1)));
}

const escapes: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, a: 7, b: 8 };

function unescape(text: string): string {
  if (!text.includes('\\')) return text;
  const bytes: number[] = [];
  for (let index = 0; index < text.length; index += 1) {
    if (text[index] !== '\\') {
      bytes.push(text.charCodeAt(index));
    } else if (text[index + 1] === 'x') {
      bytes.push(Number.parseInt(text.slice(index + 2, index + 4), 16));
      index += 3;
    } else {
      const escaped = text[index + 1] ?? '';
      bytes.push(escapes[escaped] ?? escaped.charCodeAt(0));
      index += 1;
    }
  }
  return Buffer.from(bytes).toString('utf8');
}
