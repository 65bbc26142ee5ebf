import { describe, expect, test } from 'vitest';
import { canBeJobId, isJobId } from '../../src/job/job-id.ts';

describe('job ids', () => {
  test.each(['a', 'order-17', 'x'.repeat(128), 'a.b_c~d-e', '0a'])('%s may be chosen', (id) => {
    expect(isJobId(id)).toBe(true);
  });

  test.each(['', '17', 'a:b', 'a b', 'x'.repeat(129), 'ä', 17, '.', '..'])('%s may not', (id) => {
    expect(isJobId(id)).toBe(false);
  });

  test.each(['meta', 'wait', 'events', 'id', 'stalled-check'])('%s is a key of the queue itself', (id) => {
    expect(isJobId(id)).toBe(false);
    expect(canBeJobId(id)).toBe(false);
  });

  test.each(['17', 'a:b', 'a b', '%2F', '日本', 'x'.repeat(4096)])(
    '%s can be asked for: other programs choose such',
    (id) => {
      expect(canBeJobId(id)).toBe(true);
    },
  );

  test.each(['', 'a\0b', '\ud800', 'x'.repeat(4097), 'ü'.repeat(2049)])('%j cannot', (id) => {
    expect(canBeJobId(id)).toBe(false);
  });

  test('the ids of scheduled jobs can be asked for, not chosen', () => {
    expect(canBeJobId('repeat:instances:1790000000000')).toBe(true);
    expect(isJobId('repeat:instances:1790000000000')).toBe(false);
  });
});
