import { describe, expect, it } from 'vitest';
import { isNestedTooDeep, maxNesting, nestingRule, toBoundedJson } from '../src/nesting.ts';

const arrays = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`;
const objects = (levels: number): string => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;

describe('how deep JSON may be nested', () => {
  it.each([
    ['arrays', arrays],
    ['objects', objects],
    ['arrays behind much else', (levels: number) => `[${'{"x":[]},'.repeat(5000)}${arrays(levels - 1)}]`],
    [
      'arrays behind texts with brackets, quotes and backslashes',
      (levels: number) => {
        const text = JSON.stringify(`${'[{'.repeat(2000)}"\\`);
        return `[${text},${text},"\\\\",${arrays(levels - 1)}]`;
      },
    ],
  ])('counts %s', (_what, json) => {
    expect(isNestedTooDeep(json(maxNesting))).toBe(false);
    expect(isNestedTooDeep(json(maxNesting + 1))).toBe(true);
    expect(isNestedTooDeep(json(1_000_000))).toBe(true);
  });

  it('takes no text for levels', () => {
    expect(isNestedTooDeep(JSON.stringify('['.repeat(10_000)))).toBe(false);
    expect(isNestedTooDeep(JSON.stringify({ ['{'.repeat(10_000)]: '\\"['.repeat(10_000) }))).toBe(false);
  });

  it.each([maxNesting + 1, 5000, 200_000])('makes no JSON of %i levels, whatever is left of the stack', (levels) => {
    expect(() => toBoundedJson(JSON.parse(arrays(levels)))).toThrow(nestingRule);
  });

  it('makes JSON of what may be', () => {
    expect(toBoundedJson(JSON.parse(arrays(maxNesting)))).toBe(arrays(maxNesting));
    expect(toBoundedJson(() => undefined)).toBeUndefined();
    expect(() => toBoundedJson(1n)).toThrow(TypeError);
  });
});
