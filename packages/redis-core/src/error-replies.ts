import { withoutArguments } from './connection-fault.ts';
import {
  AccessRefusedError,
  CommandError,
  type HoldfastError,
  type HoldfastErrorOptions,
  NotReadyError,
  OutOfMemoryError,
  ReadOnlyError,
  WrongTypeError,
} from './errors.ts';

/** What an error reply of Redis is about, and what becomes of the call that got it. Redis applied nothing of that call. */
export interface ErrorReply {
  /** What the call rejects with. */
  readonly error: new (message: string, options?: HoldfastErrorOptions) => HoldfastError;
  /**
   * What Redis refuses as long as it replies so: all writes, everything, the commands of one name, or this call alone.
   * Of the first three the status of the engine tells.
   */
  readonly refuses: 'writes' | 'everything' | 'command' | 'call';
  /** Whether the call is sent again within its deadline, whatever it does. */
  readonly isRepeated: boolean;
  /** When Redis replies so. */
  readonly when: string;
  /** What the engine does about it. */
  readonly effect: string;
}

const ASKS = 'asks every half second whether writes are taken again';
const AWAY = 'counts as away (`not-ready`) until it serves again; asked every second';

/** By the word that the reply begins with. `docs/reference/redis.md` shows this table; a test holds the two together. */
export const errorReplies = {
  READONLY: {
    error: ReadOnlyError,
    refuses: 'writes',
    isRepeated: false,
    when: 'it is a replica: the address has moved to another primary, or this one was demoted',
    effect:
      'goes on reading, asks every half second whether writes are taken again, there and over a new connection to the same address (or to the master that the sentinels name), and changes over to that one',
  },
  LOADING: {
    error: NotReadyError,
    refuses: 'everything',
    isRepeated: false,
    when: 'it loads its data after a start, or as a replica',
    effect: AWAY,
  },
  MASTERDOWN: {
    error: NotReadyError,
    refuses: 'everything',
    isRepeated: false,
    when: 'it is a replica that has lost its master, with `replica-serve-stale-data no`',
    effect: AWAY,
  },
  MISCONF: {
    error: ReadOnlyError,
    refuses: 'writes',
    isRepeated: false,
    when: 'it could not save its data: the disk is full, or fails',
    effect: ASKS,
  },
  NOREPLICAS: {
    error: ReadOnlyError,
    refuses: 'writes',
    isRepeated: false,
    when: 'fewer replicas follow it than `min-replicas-to-write` demands',
    effect: ASKS,
  },
  CLUSTERDOWN: {
    error: NotReadyError,
    refuses: 'everything',
    isRepeated: true,
    when: 'the node sees no majority, or a slot that nobody owns',
    effect: 'the master counts as away until it serves again; with `Hash slot not served` that slot alone fails',
  },
  TRYAGAIN: {
    error: NotReadyError,
    refuses: 'call',
    isRepeated: true,
    when: 'a slot is being moved, and of the keys of one command some are here and some are there',
    effect: 'what reads or removes keys does so key by key, which always works; all else waits for the move to end',
  },
  BUSY: {
    error: NotReadyError,
    refuses: 'call',
    isRepeated: true,
    when: "somebody's script has been running for longer than `busy-reply-threshold`",
    effect: 'nothing else',
  },
  NOPERM: {
    error: AccessRefusedError,
    refuses: 'command',
    isRepeated: false,
    when: 'the rules of the user (ACL) forbid the command, or the key',
    effect: 'tells so in its status until half a minute has passed without another',
  },
  NOAUTH: {
    error: AccessRefusedError,
    refuses: 'everything',
    isRepeated: false,
    when: 'the connection is not logged in (any more), or never was',
    effect: 'connects anew, and is away (`password-wanted`) while that is refused; tried every second',
  },
  OOM: {
    error: OutOfMemoryError,
    refuses: 'writes',
    isRepeated: false,
    when: '`maxmemory` is reached and nothing may be evicted',
    effect: ASKS,
  },
  WRONGTYPE: {
    error: WrongTypeError,
    refuses: 'call',
    isRepeated: false,
    when: 'the key holds another type of value',
    effect: 'nothing else',
  },
  MOVED: {
    error: NotReadyError,
    refuses: 'call',
    isRepeated: true,
    when: 'the slot is at another node; with a cluster target the redirection (`ASK` too) has been followed before',
    effect: 'nothing else; where it stays, the target is a cluster and was not configured as one',
  },
} as const satisfies Record<string, ErrorReply>;

export type ErrorReplyWord = keyof typeof errorReplies;

/** Up to Redis 6.2 a script's error carries the word of the command that failed inside it: `… @user_script: 1: -OOM …`. */
const inside = new RegExp(`: -(${Object.keys(errorReplies).join('|')})\\b`);
/** Texts that come without their word in some versions or servers, or with another one. */
const synonyms: readonly (readonly [RegExp, ErrorReplyWord])[] = [
  [/^-?DENIED\b|The user executing the script can't/, 'NOPERM'],
  [/^WRONGPASS\b|invalid password|Unauthorized|without any password configured/i, 'NOAUTH'],
  [/^ASK\b/, 'MOVED'],
  [/OOM command not allowed/, 'OOM'],
  [/WRONGTYPE Operation/, 'WRONGTYPE'],
];

/** Which of the table an error reply is; `undefined` where it is none of it. */
export function wordOf(text: string): ErrorReplyWord | undefined {
  const first = /^-?([A-Z]+)\b/.exec(text)?.[1] ?? '';
  if (Object.hasOwn(errorReplies, first)) return first as ErrorReplyWord;
  const within = inside.exec(text)?.[1];
  if (within !== undefined) return within as ErrorReplyWord;
  return synonyms.find(([pattern]) => pattern.test(text))?.[1];
}

/** An error reply of Redis (its text begins with an upper-case word), as an error of the catalogue. */
export function fromReplyError(text: string, cause?: unknown): HoldfastError {
  const message = withoutArguments(text);
  const word = wordOf(message);
  return word === undefined ? new CommandError(message, { cause }) : new errorReplies[word].error(message, { cause });
}
