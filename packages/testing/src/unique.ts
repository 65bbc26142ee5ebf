import { randomBytes } from 'node:crypto';

/** A key prefix that no other test uses, so that tests share one Redis without seeing each other's keys. */
export function uniquePrefix(name = 'test'): string {
  return `${name}-${randomBytes(6).toString('hex')}`;
}
