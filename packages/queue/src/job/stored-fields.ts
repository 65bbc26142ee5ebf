import { isNestedTooDeep } from '@holdfast/redis-core';

/** What a Date can hold, in milliseconds. */
const latestTime = 8_640_000_000_000_000;

/**
 * Reads what a store holds of a job or a schedule, whoever has put it there, and notes the fields that are missing or cannot
 * be read: one item that is damaged is shown as far as it goes, and leaves its list as it is.
 */
export class StoredFields {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #damaged = new Set<string>();

  /** @param fields texts, as Redis has them, or values */
  constructor(fields: Readonly<Record<string, unknown>>) {
    this.#fields = fields;
  }

  /** The fields that were asked for in vain, by the names under which they are shown. */
  get damaged(): readonly string[] {
    return [...this.#damaged];
  }

  note(name: string): void {
    this.#damaged.add(name);
  }

  has(field: string): boolean {
    return this.#fields[field] !== undefined && this.#fields[field] !== null;
  }

  /** A text, '' for what is none. */
  text(field: string): string {
    const value = this.#fields[field];
    if (typeof value === 'string') return value;
    this.note(field);
    return '';
  }

  /** JSON; what is none is shown as the text that it is, and so is what is nested too deep to be written again. */
  json(field: string, absent: unknown, name = field): unknown {
    if (!this.has(field)) {
      this.note(name);
      return absent;
    }
    const text = this.#fields[field];
    if (typeof text !== 'string') return text;
    try {
      if (!isNestedTooDeep(text)) return JSON.parse(text) as unknown;
    } catch {
      // It is noted below.
    }
    this.note(name);
    return text;
  }

  /** A JSON object, empty for what is none. */
  object(field: string): Readonly<Record<string, unknown>> {
    const value = this.json(field, {});
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
    this.note(field);
    return {};
  }

  /** A whole number, 0 for what is none. */
  count(field: string, name = field): number {
    const value = this.#number(field);
    if (Number.isSafeInteger(value)) return value;
    this.note(name);
    return 0;
  }

  /** Milliseconds since the epoch, as a Date can hold them. */
  time(field: string, name = field): number | undefined {
    const value = this.#number(field);
    if (Math.abs(value) <= latestTime) return value;
    this.note(name);
    return undefined;
  }

  #number(field: string): number {
    const value = this.#fields[field];
    return value === undefined || value === null || value === '' ? Number.NaN : Number(value);
  }
}

/** The item, marked with what could not be read of it. */
export function withDamage<Item extends object>(
  item: Item,
  { damaged }: StoredFields,
): Item & { damaged?: readonly string[] } {
  return damaged.length === 0 ? item : { ...item, damaged };
}
