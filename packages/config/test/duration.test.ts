import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DurationError, formatTtl, parseDuration, parseTtl } from '@holdfast/config';

const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const century = 36_500 * units.d;

describe('parseDuration', () => {
  it.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['5m', 300_000],
    ['6h', 21_600_000],
    ['7d', 604_800_000],
    ['1500', 1500],
    ['0', 0],
    ['0s', 0],
    ['36500d', century],
    [1500, 1500],
    [0, 0],
  ])('reads %j as %d ms', (value, expected) => {
    expect(parseDuration(value)).toBe(expected);
  });

  it.each([
    '',
    ' ',
    '5 m',
    ' 5m',
    '5m\n',
    '-1s',
    '+1s',
    '1.5s',
    '05m',
    '1h30m',
    '5M',
    '5w',
    'm',
    'none',
    '٣s',
    '36501d',
    '9'.repeat(16),
    '1e3',
    '0x10',
    -1,
    1.5,
    Number.NaN,
    Infinity,
    century + 1,
  ])('refuses %j', (value) => {
    expect(() => parseDuration(value)).toThrow(DurationError);
  });

  it('reads every number with every unit within a century', () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.entries(units)), fc.nat({ max: 10_000_000 }), (unit, amount) => {
        fc.pre(amount * unit[1] <= century);
        expect(parseDuration(`${amount}${unit[0]}`)).toBe(amount * unit[1]);
      }),
    );
  });

  it('replies whole milliseconds in range or throws DurationError, whatever it is given', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.double(), fc.stringMatching(/^-?\d{1,20}(ms|s|m|h|d|x)?$/)), (value) => {
        try {
          const parsed = parseDuration(value);
          expect(Number.isSafeInteger(parsed) && parsed >= 0 && parsed <= century && !Object.is(parsed, -0)).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(DurationError);
        }
      }),
    );
  });
});

describe('parseTtl', () => {
  it('reads none as no expiry and 0 as off', () => {
    expect([parseTtl('none'), parseTtl('0'), parseTtl(0), parseTtl('5m')]).toEqual([null, 0, 0, 300_000]);
  });

  it('refuses everything else, and says what is allowed', () => {
    expect(() => parseTtl('None')).toThrow(/none \(no expiry\)/);
  });

  it('reads back what formatTtl writes', () => {
    fc.assert(
      fc.property(fc.option(fc.integer({ min: 0, max: century })), (ttlMs) => {
        expect(parseTtl(formatTtl(ttlMs))).toBe(ttlMs);
      }),
    );
  });
});
