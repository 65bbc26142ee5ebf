import { OptionInvalidError } from './errors.ts';

/** What the value of an option has to be. */
export interface OptionRule {
  /** As it follows the option's name: `must be …`. */
  readonly must: string;
  readonly allows: (value: unknown) => boolean;
}

/** A rule for each option: one that has none does not compile, and one that is not among them is refused. */
export type OptionRules<Options> = { readonly [Name in keyof Options]-?: OptionRule };

/** The longest that Node waits with one timer: 24.8 days. A longer one would end at once. */
export const MAX_TIMER_MS: number = 2 ** 31 - 1;

/** Whatever it is: an object with rules of its own, or something that its user checks. */
export const anything: OptionRule = { must: 'must be given', allows: () => true };

export const flag: OptionRule = { must: 'must be true or false', allows: (value) => typeof value === 'boolean' };

export const text: OptionRule = { must: 'must be a text', allows: (value) => typeof value === 'string' };

export const list: OptionRule = { must: 'must be a list', allows: (value) => Array.isArray(value) };

export const callback: OptionRule = { must: 'must be a function', allows: (value) => typeof value === 'function' };

/** From 0 to 1. */
export const share: OptionRule = {
  must: 'must be a number from 0 to 1',
  allows: (value) => typeof value === 'number' && value >= 0 && value <= 1,
};

export function wholeNumber(minimum: number, maximum: number = Number.MAX_SAFE_INTEGER): OptionRule {
  const range = maximum === Number.MAX_SAFE_INTEGER ? `of at least ${minimum}` : `from ${minimum} to ${maximum}`;
  return {
    must: `must be a whole number ${range}`,
    allows: (value) => Number.isSafeInteger(value) && (value as number) >= minimum && (value as number) <= maximum,
  };
}

/** What is waited for with a timer. */
export function milliseconds(minimum: 0 | 1 = 0): OptionRule {
  const { must, allows } = wholeNumber(minimum, MAX_TIMER_MS);
  return { must: must.replace('number', 'number of milliseconds'), allows };
}

export function oneOf(...values: readonly string[]): OptionRule {
  return { must: `must be one of ${values.join(', ')}`, allows: (value) => values.includes(value as string) };
}

export function orNull({ must, allows }: OptionRule): OptionRule {
  return { must: `${must}, or null`, allows: (value) => value === null || allows(value) };
}

/**
 * Refuses what no rule allows, and names that no rule has. An option that is `undefined` is one that was not given.
 * @param owner the name of what they are given to
 * @throws OptionInvalidError for the first one
 */
export function checkOptions<Options extends object>(
  owner: string,
  options: Options,
  rules: OptionRules<Options>,
): void {
  for (const name in options) {
    const value: unknown = options[name];
    const rule: OptionRule | undefined = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (rule === undefined) {
      throw new OptionInvalidError(owner, name, `is not known. Known: ${Object.keys(rules).join(', ')}`);
    }
    if (value !== undefined && !rule.allows(value)) {
      throw new OptionInvalidError(owner, name, `${rule.must}; it is ${shown(value)}`);
    }
  }
}

/** One value that stands alone, as a parameter does. @throws OptionInvalidError */
export function checkOption(owner: string, name: string, value: unknown, rule: OptionRule): void {
  if (!rule.allows(value)) throw new OptionInvalidError(owner, name, `${rule.must}; it is ${shown(value)}`);
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 80));
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return String(value);
  return Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
