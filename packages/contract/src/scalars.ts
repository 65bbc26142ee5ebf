import { Type } from 'typebox';

/** How many there are. */
export const count = Type.Integer({ minimum: 0 });

/** A moment, ISO 8601 in UTC with milliseconds. */
export const time = Type.String({ format: 'date-time' });

/** One of a few texts. An answer is not checked against it: it is sent as it is. */
export function oneOf<const Values extends readonly string[]>(
  values: Values,
  options: Readonly<Record<string, unknown>> = {},
): Type.TUnsafe<Values[number]> {
  return Type.Unsafe<Values[number]>({ type: 'string', enum: [...values], ...options });
}
