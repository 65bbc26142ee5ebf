import { Type } from 'typebox';
import type { TObject, TSchema } from 'typebox';
import { durationAllowed, ttlAllowed } from './duration.ts';

/** `allowed` is what a problem says instead of the words of the validator; editors ignore it. */
export function says(allowed: string, description: string): { allowed: string; description: string } {
  return { allowed, description };
}

export function wholeNumber(minimum: number, maximum: number, description: string) {
  return Type.Integer({ minimum, maximum, ...says(`a whole number from ${minimum} to ${maximum}`, description) });
}

export function flag(description: string) {
  return Type.Boolean(says('true or false', description));
}

const durationPattern = '(0|[1-9][0-9]{0,15})(ms|s|m|h|d)?';

/** `minimum` of a number without a unit; that of all of them is checked as it is read. */
export function duration(description: string, minimum: 0 | 1 = 1) {
  const choices = [Type.Integer({ minimum }), Type.String({ pattern: `^${durationPattern}$` })] as const;
  return Type.Union([...choices], says(durationAllowed, description));
}

export function ttl(description: string) {
  const choices = [Type.Integer({ minimum: 0 }), Type.String({ pattern: `^(none|${durationPattern})$` })] as const;
  return Type.Union([...choices], says(ttlAllowed, description));
}

export function share(description: string) {
  return Type.Number({ minimum: 0, maximum: 1, ...says('a number from 0 to 1', description) });
}

export function field(description: string) {
  const pattern = '^[A-Za-z_][A-Za-z0-9_.-]{0,63}$';
  return Type.String({ pattern, ...says('1 to 64 letters, digits, "_", "." or "-"', description) });
}

const namePattern = '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$';
export const nameAllowed = '1 to 64 letters, digits, ".", "_" or "-", starting with a letter or a digit';

export function name(description: string) {
  return Type.String({ pattern: namePattern, ...says(nameAllowed, description) });
}

/** An object that knows its fields. */
export function section<Properties extends Record<string, TSchema>>(properties: Properties, description: string) {
  return Type.Object(properties, { additionalProperties: false, ...says('a mapping', description) });
}

/** An object whose fields are names. */
export function named<Item extends TObject>(item: Item, description: string) {
  return Type.Record(Type.String({ pattern: namePattern }), item, {
    additionalProperties: false,
    ...says('a mapping of names', description),
  });
}
