import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

const source = join(import.meta.dirname, '../src');

/** From the ground up: a file imports from its own room and from those before it, types included. */
const rooms = [
  'job',
  'port',
  'producing',
  'consuming',
  'outbox',
  'operating',
  'schedules',
  'flows',
  'redis',
  'embedded',
  // Whoever imports the package comes in here: `queues.ts`, `index.ts`.
  '',
];

const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
const roomOf = (file: string): string => (file.includes('/') ? dirname(file) : '');

const importsOf = (file: string): string[] =>
  [...readFileSync(join(source, file), 'utf8').matchAll(/(?:from|import)[ (]*'(\.[^']+\.ts)'/g)].map(([, path = '']) =>
    relative(source, join(source, dirname(file), path)),
  );

const graph = new Map(files.map((file) => [file, importsOf(file)]));

describe('the rooms of this package', () => {
  it('are all known', () => {
    expect(new Set(files.map((file) => roomOf(file)))).toEqual(new Set(rooms));
  });

  it('import from those below them only', () => {
    const upwards = [...graph].flatMap(([file, imported]) =>
      imported
        .filter((other) => rooms.indexOf(roomOf(other)) > rooms.indexOf(roomOf(file)))
        .map((other) => `${file} imports ${other}`),
    );
    expect(upwards).toEqual([]);
  });

  it('hold no circle of files', () => {
    const done = new Set<string>();
    const circles: string[] = [];
    const follow = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' → '));
      if (path.includes(file) || done.has(file)) return;
      for (const other of graph.get(file) ?? []) follow(other, [...path, file]);
      done.add(file);
    };
    for (const file of files) follow(file, []);
    expect(circles).toEqual([]);
  });
});
