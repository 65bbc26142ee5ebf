import type { BulkError, BulkResult, WriteItem } from '@holdfast/cache';
import { CacheWrite } from '@holdfast/contract';
import { type FieldIssue, HoldfastError, Turns } from '@holdfast/redis-core';
import { compileItem, maxIssues, requireNoIssues } from '../../http/compile-validator.ts';
import { ttlAt } from '../../http/durations.ts';
import { invalidRequest } from '../../http/errors.ts';
import {
  type ItemParts,
  type OwnValue,
  parseJson,
  readItem as readItemParts,
  requireBoundedDepth,
} from '../../http/json-body.ts';
import { contentTypeOf, isJsonType } from './entry-input.ts';

export interface ReadItems {
  readonly items: readonly WriteItem[];
  readonly errors: readonly BulkError[];
  /** Items whose key comes again further down, so that they need not be written. */
  readonly superseded: number;
}

const issuesOf = compileItem(CacheWrite);
/** What is its caller's own in an item. */
const own = ['value', 'bytes'] as const;

/**
 * What the items of a request say should be written, each as the bytes of its JSON at `path` of the body. One that cannot be
 * is an error of its own; of equal keys the last wins. A value is never parsed: what is stored are the bytes that came.
 *
 * @throws ApiError REQUEST_INVALID where items have another shape, before anything is written
 */
export async function readItems(given: readonly Buffer[], path: string): Promise<ReadItems> {
  const items = new Map<string, WriteItem>();
  const errors: BulkError[] = [];
  const issues: FieldIssue[] = [];
  const turns = new Turns();
  for (const [index, bytes] of given.entries()) {
    if (issues.length >= maxIssues) break;
    const turn = turns.worked(bytes.length);
    if (turn !== undefined) await turn;
    const at = `${path}/${index}`;
    const parts = readItemParts(bytes, own, at);
    const shape = shapeOf(parts);
    const found = issuesOf(shape, at);
    issues.push(...found);
    if (found.length > 0) continue;
    const item = shape as CacheWrite;
    try {
      items.set(item.key, readItem(item, parts.own.value));
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      errors.push({ key: item.key, code: error.code, detail: error.message });
    }
  }
  requireNoIssues(issues);
  return { items: [...items.values()], errors, superseded: given.length - errors.length - items.size };
}

/** The item with `null` for its value, which may be anything. */
function shapeOf({ envelope, own: { bytes } }: ItemParts<(typeof own)[number]>): unknown {
  if (bytes !== undefined && bytes.part.containers === 0)
    (envelope as CacheWrite).bytes = parseJson(bytes.bytes) as string;
  return envelope;
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

function readItem({ key, bytes, contentType, ttl, tags }: CacheWrite, value: OwnValue | undefined): WriteItem {
  return {
    key,
    ...(bytes === undefined ? jsonOf(value, contentType) : bytesOf(bytes, value, contentType)),
    ...(ttl === undefined ? {} : { ttlMs: ttlAt('ttl', ttl) }),
    ...(tags === undefined ? {} : { tags: [...new Set(tags)] }),
  };
}

function jsonOf(
  value: OwnValue | undefined,
  contentType = 'application/json',
): Pick<WriteItem, 'body' | 'contentType'> {
  if (value === undefined) throw invalidRequest('value', 'is required, or bytes');
  if (!isJsonType(contentType))
    throw invalidRequest('contentType', 'must be JSON beside a value; send other types as bytes');
  requireBoundedDepth(value.part, 'value');
  return { body: value.bytes, contentType: contentTypeOf(contentType) };
}

/** With its padding or without. A pattern for the whole would need stack for each of its characters. */
function isBase64(text: string): boolean {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const digits = text.length - padding;
  const isWhole = padding === 0 ? digits % 4 !== 1 : text.length % 4 === 0;
  return isWhole && !/[^A-Za-z0-9+/]/.test(text.slice(0, digits));
}

function bytesOf(
  bytes: string,
  value: OwnValue | undefined,
  contentType: string | undefined,
): Pick<WriteItem, 'body' | 'contentType'> {
  if (value !== undefined) throw invalidRequest('bytes', 'and value exclude each other');
  if (!isBase64(bytes)) throw invalidRequest('bytes', 'must be base64');
  return { body: Buffer.from(bytes, 'base64'), contentType: contentTypeOf(contentType) };
}
