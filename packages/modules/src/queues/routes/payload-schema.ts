import type { QueueDefinition } from '@holdfast/queue';
import { withoutKeywords } from '../../http/without-keywords.ts';

const dialect = 'https://json-schema.org/draft/2020-12/schema';

/** Strict validators refuse a schema with a keyword that they do not know. */
const ofOurOwn = new Set(['errorMessage']);

/** What the data of the jobs of a queue must fit, in words that every JSON Schema validator knows. */
export function payloadSchemaOf({ payload }: QueueDefinition): Record<string, unknown> {
  return { $schema: dialect, ...withoutKeywords(payload, ofOurOwn) };
}
