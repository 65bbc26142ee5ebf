import { publishEvent } from './channels.ts';

/** What a server may refuse and a process can do without. */
export type LimitKind =
  /** `TIME`: the process goes by its own clock. */
  | 'clock'
  /** `INFO`: nothing is known of the version, the memory and what happens when that is full. */
  | 'info'
  /** `CLIENT TRACKING`, or the subscription that it needs: nobody is told that what was read has changed. */
  | 'tracking';

/** Something that a server does not grant, which costs no call. */
export interface ServerLimit {
  readonly kind: LimitKind;
  /** One line: what is refused, in the words of the server, and what follows from it. */
  readonly reason: string;
}

const consequences: Readonly<Record<LimitKind, string>> = {
  clock: 'TIME is refused: times are those of the clock of this process',
  info: 'INFO is refused: its version, its memory and its eviction policy are not known',
  tracking: 'reads are not tracked: nobody is told of changes',
};

/** What the server behind one engine is known not to grant. Published once each, and when it grants it after all. */
export class ServerLimits {
  readonly #connection: string;
  readonly #address: string;
  readonly #known = new Map<LimitKind, ServerLimit>();

  constructor(connection: string, address: string) {
    this.#connection = connection;
    this.#address = address;
  }

  /** In the order in which they were found out. */
  get list(): readonly ServerLimit[] {
    return [...this.#known.values()];
  }

  has(kind: LimitKind): boolean {
    return this.#known.has(kind);
  }

  /** It was refused, with this text. */
  note(kind: LimitKind, refusal: string): void {
    if (this.#known.has(kind)) return;
    const reason = `${consequences[kind]} (${refusal.slice(0, 200)})`;
    this.#known.set(kind, { kind, reason });
    this.#publish(kind, reason);
  }

  /** It was granted. */
  lift(kind: LimitKind): void {
    if (this.#known.delete(kind)) this.#publish(kind);
  }

  #publish(kind: LimitKind, reason?: string): void {
    publishEvent('holdfast:redis:limit', () => ({
      connection: this.#connection,
      address: this.#address,
      kind,
      ...(reason === undefined ? {} : { reason }),
    }));
  }
}

/** Rules of access (ACL) say NOPERM; a server or a proxy that does not have a command says so in one of these ways. */
const refusals = /\bNOPERM\b|unknown (sub)?command|unsupported command|not (allowed|supported|permitted)/i;

/** Whether a server refused a command as such, whoever asks and whatever its state: asking again is in vain. */
export function isCommandRefused(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError' && refusals.test(error.message);
}
