import type { BulkError, BulkResult, WriteItem } from '@holdfast/cache';
import type { CacheWrite } from '@holdfast/contract';
import { HoldfastError, nestingRule, toBoundedJson } from '@holdfast/redis-core';
import { ttlAt } from '../../http/durations.ts';
import { invalidRequest } from '../../http/errors.ts';
import { contentTypeOf, isJsonType } from './entry-input.ts';

export interface ReadItems {
  readonly items: readonly WriteItem[];
  readonly errors: readonly BulkError[];
  /** Items whose key comes again further down, so that they need not be written. */
  readonly superseded: number;
}

/** What the items of a request say should be written. One that cannot be is an error of its own; of equal keys the last wins. */
export function readItems(given: readonly CacheWrite[]): ReadItems {
  const items = new Map<string, WriteItem>();
  const errors: BulkError[] = [];
  for (const item of given) {
    try {
      items.set(item.key, readItem(item));
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      errors.push({ key: item.key, code: error.code, detail: error.message });
    }
  }
  return { items: [...items.values()], errors, superseded: given.length - errors.length - items.size };
}

/** The result of the whole request: what was refused before anything was sent, and what the cache says of the rest. */
export function withRefused<Result extends BulkResult>(
  result: Result,
  { errors, superseded }: Omit<ReadItems, 'items'>,
): Omit<Result, 'errors' | 'fallback'> & { errors: BulkError[]; fallback?: string[] } {
  const { fallback, errors: failed, ...counts } = result;
  return {
    ...counts,
    successful: result.successful + superseded,
    failed: result.failed + errors.length,
    errors: [...errors, ...failed],
    ...(fallback.length > 0 && { fallback: [...fallback] }),
    durationMs: Math.round(result.durationMs * 100) / 100,
  };
}

function readItem({ key, value, bytes, contentType, ttl, tags }: CacheWrite): WriteItem {
  return {
    key,
    ...(bytes === undefined ? jsonOf(value, contentType) : bytesOf(bytes, value, contentType)),
    ...(ttl === undefined ? {} : { ttlMs: ttlAt('ttl', ttl) }),
    ...(tags === undefined ? {} : { tags: [...new Set(tags)] }),
  };
}

function jsonOf(value: unknown, contentType = 'application/json'): Pick<WriteItem, 'body' | 'contentType'> {
  if (value === undefined) throw invalidRequest('value', 'is required, or bytes');
  if (!isJsonType(contentType))
    throw invalidRequest('contentType', 'must be JSON beside a value; send other types as bytes');
  return { body: Buffer.from(jsonText(value)), contentType: contentTypeOf(contentType) };
}

function jsonText(value: unknown): string {
  try {
    return toBoundedJson(value) ?? 'null';
  } catch (error) {
    if (error instanceof RangeError) throw invalidRequest('value', nestingRule);
    throw error;
  }
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;

function bytesOf(
  bytes: string,
  value: unknown,
  contentType: string | undefined,
): Pick<WriteItem, 'body' | 'contentType'> {
  if (value !== undefined) throw invalidRequest('bytes', 'and value exclude each other');
  if (!base64.test(bytes)) throw invalidRequest('bytes', 'must be base64');
  return { body: Buffer.from(bytes, 'base64'), contentType: contentTypeOf(contentType) };
}
