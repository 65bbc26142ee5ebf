import { ValueError } from './errors.ts';
import type { ValueType } from './value-types.ts';

/** What is sent as `Authorization: Bearer …`: one that no header may carry would fail with each request. */
export const bearerToken: ValueType<string> = {
  name: 'bearer token',
  allowed: 'visible ASCII characters without white space, and without the word Bearer before them',
  printable: false,
  parse: (value) => {
    refuseQuotes(value);
    if (/[\r\n]/.test(value)) throw new ValueError('holds a line break');
    if (/\s/.test(value)) throw new ValueError('holds white space');
    if (!/^[\x21-\x7e]+$/.test(value)) throw new ValueError('holds a character that no HTTP header may carry');
    return value;
  },
};

/** Any text of one line: a Secret that was made of a file often ends with the line break of that. */
export const password: ValueType<string> = {
  name: 'text',
  allowed: 'any text without line breaks',
  printable: false,
  parse: (value) => {
    if (/[\r\n]/.test(value)) throw new ValueError('holds a line break');
    return value;
  },
};

/** Whether a value was never replaced: it says so itself. */
export function isPlaceholder(value: string): boolean {
  return /change[-_ ]?me|placeholder|replace[-_ ]?me|your[-_ ](?:\w+[-_ ])*(?:key|token|secret|password)/i.test(value);
}

/** Whether it stands in quotes: `docker run --env-file` and lists in Compose take them for a part of the value. */
export function isQuoted(value: string): boolean {
  return /^(["'])[^]*\1$/.test(value);
}

/** @throws {ValueError} where it stands in quotes */
export function refuseQuotes(value: string): void {
  if (isQuoted(value)) throw new ValueError('stands in quotes, which are taken for a part of it');
}
