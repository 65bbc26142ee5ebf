import { spawnNode, uniquePrefix, useRedis } from '@holdfast/testing';
import { describe, expect, it } from 'vitest';

const { port, db } = useRedis();
const fixture = new URL('../fixtures/racing-process.ts', import.meta.url);

describe('adding one job from 4 processes at once, 25 times each', () => {
  it('adds it once, and answers everybody with the job that is stored', async () => {
    const args = [String(port), String(db ?? 0), uniquePrefix('racing')];
    const children = Array.from({ length: 4 }, () => spawnNode(fixture, { args }));
    await Promise.all(children.map(async (child) => child.waitForLine(/^ready$/)));
    for (const child of children) child.signal('SIGUSR2');
    await Promise.all(children.map(async (child) => child.exited));

    const answers = children.flatMap(({ lines }) => lines.map((line) => line.split(' ')));
    for (const kind of ['id', 'deduplication']) {
      const own = answers.filter(([of]) => of === kind);
      expect(own).toHaveLength(100);
      expect(own.filter(([, , outcome]) => outcome === 'added')).toHaveLength(1);
      expect(new Set(own.map(([, id]) => id)).size).toBe(1);
    }
  });
});
