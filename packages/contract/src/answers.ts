import type { TSchema } from 'typebox';
import { Type } from 'typebox';

/**
 * A JSON answer: what it means, its schema, and what one looks like. A test holds each example to its schema; as a type,
 * `Static<Schema>` made the compiler check for a quarter of a minute, in every package that imports this one.
 */
export function answer<Schema extends TSchema>(description: string, schema: Schema, example: unknown): Schema {
  return { ...schema, 'x-response-description': description, examples: [example] };
}

/** An answer without a body. */
export function emptyAnswer(description: string): TSchema {
  return Type.Null({ description });
}

/** An answer of another type than JSON; its body is sent as it is. */
export function textAnswer(description: string, contentType: string, example: string): TSchema {
  return { description, content: { [contentType]: { schema: Type.String(), example } } };
}

/** The same answer with headers that belong to it. */
export function withHeaders<Answer extends TSchema>(
  given: Answer,
  headers: Readonly<Record<string, { readonly type: 'string' | 'integer'; readonly description: string }>>,
): Answer {
  return { ...given, headers };
}
