import type { Redis } from 'ioredis';
import { errorReplies, wordOf } from '../error-replies.ts';
import { isReplyError } from '../reply-error.ts';

/** It does nothing. Redis 7 refuses to run it where it would refuse a write, for want of memory too. */
const NOTHING = '#!lua\nreturn 1';
/** The same where it would refuse a read. */
const NOTHING_READ = '#!lua flags=no-writes\nreturn 1';

/**
 * Asks whether Redis takes writes, without one. `undefined`: that cannot be told (it is older than 7.0, or the user may not
 * run scripts).
 *
 * @param key of the slot that is asked about, for the client of a cluster
 * @throws the error reply of a write that would be refused, or whatever ends the connection
 */
export async function takesWrites(client: Pick<Redis, 'eval'>, key?: string): Promise<true | undefined> {
  try {
    await (key === undefined ? client.eval(NOTHING, 0) : client.eval(NOTHING, 1, key));
    return true;
  } catch (error) {
    if (error instanceof Error && isReplyError(error) && !saysRefusal(error.message)) return undefined;
    throw error;
  }
}

/**
 * Asks whether Redis serves reads: a replica may refuse them while its master is away.
 *
 * @throws the error reply of a read that would be refused, or whatever ends the connection
 */
export async function servesReads(client: Pick<Redis, 'eval'>): Promise<void> {
  try {
    await client.eval(NOTHING_READ, 0);
  } catch (error) {
    // An older one, or one that forbids scripts, is asked by the calls.
    if (error instanceof Error && isReplyError(error) && !saysRefusal(error.message)) return;
    throw error;
  }
}

function saysRefusal(reply: string): boolean {
  const word = wordOf(reply);
  if (word === undefined) return false;
  const { refuses } = errorReplies[word];
  return refuses === 'writes' || refuses === 'everything';
}
