import type { TSchema } from 'typebox';
import { Compile, type Validator } from 'typebox/compile';
import type { TLocalizedValidationError } from 'typebox/error';

/** A schema says of a list that it may have more items. */
const longItems = 64;

interface LongList {
  readonly name: string;
  readonly maxItems: number;
  readonly item: Validator;
}

/** What a value with long lists is before its errors are looked for, which takes far longer than to find that there are some. */
export type ShortenedValue =
  | { readonly isTooLong: string; readonly maxItems: number }
  /** Of the first items that are wrong. */
  | { readonly errors: readonly TLocalizedValidationError[] }
  /** All its items are right; the first of them are left. */
  | { readonly value: unknown };

/** Compiles the lists that an object of this schema, or of one of its alternatives, may have. */
export function compileLongLists(schema: TSchema): (value: unknown, maxErrors: number) => ShortenedValue {
  const lists = longListsOf(schema);
  return (value, maxErrors) => {
    if (typeof value !== 'object' || value === null || lists.length === 0) return { value };
    const shortened: Record<string, unknown> = { ...value };
    for (const { name, maxItems, item } of lists) {
      const list = Object.hasOwn(value, name) ? shortened[name] : undefined;
      if (!Array.isArray(list)) continue;
      if (list.length > maxItems) return { isTooLong: name, maxItems };
      const errors: TLocalizedValidationError[] = [];
      for (const [index, member] of list.entries()) {
        if (errors.length >= maxErrors) break;
        if (item.Check(member)) continue;
        const found = item.Errors(member);
        errors.push(...found.map((error) => ({ ...error, instancePath: `/${name}/${index}${error.instancePath}` })));
      }
      if (errors.length > 0) return { errors };
      shortened[name] = list.slice(0, longItems);
    }
    return { value: shortened };
  };
}

function longListsOf(schema: TSchema): LongList[] {
  const { properties = {}, anyOf = [] } = schema as Partial<Record<'properties', Record<string, ListSchema>>> & {
    readonly anyOf?: readonly TSchema[];
  };
  const own = Object.entries(properties).flatMap(([name, { type, items, maxItems = 0 }]) =>
    type === 'array' && items !== undefined && maxItems > longItems ? [{ name, maxItems, item: Compile(items) }] : [],
  );
  return [...own, ...anyOf.flatMap(longListsOf)];
}

interface ListSchema {
  readonly type?: string;
  readonly items?: TSchema & { readonly type?: string };
  readonly maxItems?: number;
}

/** The schema of an object without what it says of items that are objects: for lists whose items are checked one by one. */
export function withoutItemSchemas(schema: TSchema): TSchema {
  const { properties = {} } = schema as { readonly properties?: Record<string, ListSchema> };
  const loose = Object.entries(properties).map(([name, part]): [string, ListSchema] => [
    name,
    part.type === 'array' && part.items?.type === 'object' ? { ...part, items: {} } : part,
  ]);
  return { ...schema, properties: Object.fromEntries(loose) };
}
