import { fromReplyError } from '../error-replies.ts';
import { type HoldfastError, NotReadyError, RequestTooLargeError } from '../errors.ts';

/**
 * What a REST endpoint refuses beyond what its plan allows, by the texts that Upstash documents
 * (https://upstash.com/docs/redis/troubleshooting/max_requests_limit and its neighbours) and those of proxies before it. They
 * come as the error of one command or of the whole request; none of it was applied.
 */
const tooLarge =
  /max request size exceeded|max (single )?record size exceeded|max key size exceeded|(Request Entity|Payload|Content) Too Large/i;
/** So many requests at once, or in a second: it passes by itself. */
const tooMany = /max concurrent (connections|requests)|rate limit|too many requests|per second/i;
/** So many in a day or a month. A full database ("DB capacity quota") goes on serving reads, and is no such thing. */
const usedUp =
  /max (daily |monthly )?(requests?|commands?|bandwidth)( count)? limit exceeded|bandwidth (limit|quota)|budget/i;
const full = /DB capacity quota exceeded|max (DB|database) size/i;

/** How long a caller should wait; and how long the engine waits at most before it asks again. */
export const USED_UP_RETRY_MS = 30_000;

export function isUsedUp(text: string): boolean {
  return usedUp.test(text);
}

/** Whether the endpoint refuses everything for now, so that it counts as away. */
export function isOverQuota(text: string): boolean {
  return !tooLarge.test(text) && (isUsedUp(text) || tooMany.test(text));
}

/** What a text with which the endpoint has refused a command, or a request, means for the call. */
export function fromRefusal(text: string): HoldfastError {
  if (tooLarge.test(text)) return new RequestTooLargeError(text);
  if (full.test(text)) return fromReplyError(`OOM ${text}`);
  if (isOverQuota(text)) return new NotReadyError(text, isUsedUp(text) ? { retryAfterMs: USED_UP_RETRY_MS } : {});
  return fromReplyError(text);
}
