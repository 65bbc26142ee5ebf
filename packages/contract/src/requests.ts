import type { TProperties, TSchema } from 'typebox';
import { Type } from 'typebox';

/** An object of a request: what it does not name is refused. */
export function strictObject<Properties extends TProperties>(
  properties: Properties,
  options: Record<string, unknown> = {},
): Type.TObject<Properties> {
  return Type.Object(properties, { ...options, additionalProperties: false });
}

/** The body of a route that needs none: nothing, `null` or `{}`. */
export const noBody: TSchema = Type.Union([Type.Null(), strictObject({})]);
