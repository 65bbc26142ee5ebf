import {
  addressOf,
  type ConnectionFault,
  explainFault,
  isAccessRefused,
  notConnectedYet,
} from '../connection-fault.ts';
import type { RedisTarget } from '../connection.ts';

/** What an attempt looks like in the end, whatever it failed of. */
const saysLittle: ReadonlySet<ConnectionFault['kind']> = new Set(['other', 'closed', 'silent']);

/** Why a connection cannot be used, as far as that is known by now. */
export class LinkFault {
  readonly #target: RedisTarget;
  /** Undefined while it can be used. */
  #current: ConnectionFault | undefined = { kind: 'other', reason: notConnectedYet };
  /** What the attempt under way has shown; errors that only follow from it do not replace it. */
  #ofAttempt: ConnectionFault | undefined;

  constructor(target: RedisTarget) {
    this.#target = target;
  }

  get current(): ConnectionFault | undefined {
    return this.#current;
  }

  get ofAttempt(): ConnectionFault | undefined {
    return this.#ofAttempt;
  }

  get reason(): string {
    return this.#current?.reason ?? 'the connection was lost';
  }

  /** It is known for sure; `undefined`: it can be used. */
  set(fault: ConnectionFault | undefined): void {
    this.#current = fault;
  }

  /** The connection is gone, for whichever reason is known already. */
  lost(): void {
    this.#current ??= { kind: 'closed', reason: `the connection to ${addressOf(this.#target)} was lost` };
  }

  beginAttempt(): void {
    this.#ofAttempt = undefined;
  }

  /** Keeps what an error says of the connection, unless it only follows from what is known of this attempt. */
  note(error: unknown, hasConnected: boolean): void {
    const fault = explainFault(error, this.#target, hasConnected);
    const known = this.#ofAttempt;
    if (known !== undefined && (saysLittle.has(fault.kind) || known.kind === 'not-redis')) return;
    // While sentinels are asked over and over, there are attempts that show nothing.
    const isSearching = this.#target.kind === 'sentinel';
    if (isSearching && saysLittle.has(fault.kind) && isAccessRefused(this.#current?.kind)) return;
    this.#ofAttempt = fault;
    this.#current = fault;
  }
}
