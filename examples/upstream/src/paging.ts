/** An answer that is the caller's fault. */
export class RequestError extends Error {
  readonly statusCode: number;

  constructor(statusCode: number, message: string) {
    super(message);
    this.name = 'RequestError';
    this.statusCode = statusCode;
  }
}

export interface Paging {
  readonly pageNum: number;
  readonly pageSize: number;
}

const MAX_PAGE_SIZE = 100;
const MAX_PAGE_NUMBER = 1_000_000;

/**
 * `pageNum` from 1 (default 1) and `pageSize` from 1 to 100 (default 20).
 * @throws {RequestError} 400 for any other value.
 */
export function readPaging(query: unknown): Paging {
  const values = (query ?? {}) as Readonly<Record<string, unknown>>;
  return {
    pageNum: readNumber('pageNum', values['pageNum'], 1, MAX_PAGE_NUMBER),
    pageSize: readNumber('pageSize', values['pageSize'], 20, MAX_PAGE_SIZE),
  };
}

function readNumber(name: string, value: unknown, fallback: number, max: number): number {
  if (value === undefined) return fallback;
  const number = typeof value === 'string' && /^\d{1,7}$/.test(value) ? Number(value) : 0;
  if (number < 1 || number > max) throw new RequestError(400, `${name} must be a whole number from 1 to ${max}.`);
  return number;
}
