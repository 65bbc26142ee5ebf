import { spawnNode } from '@holdfast/testing';
import type { SpawnedNode } from '@holdfast/testing';
import { describe, expect, it } from 'vitest';

const file = new URL('fixtures/process.ts', import.meta.url);

async function start(...args: string[]): Promise<SpawnedNode> {
  const node = spawnNode(file, { args });
  await node.waitForLine(/"ready"/);
  return node;
}
const closed = ({ lines }: SpawnedNode): string[] => lines.flatMap((line) => /"closing (\d)"/.exec(line)?.[1] ?? []);
const timeOf = ({ lines }: SpawnedNode, text: string): number =>
  Date.parse(/"time":"([^"]+)"/.exec(lines.find((line) => line.includes(text)) ?? '')?.[1] ?? '');

describe('shutDownOnSignal', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('closes everything in order on %s, and ends with 0', async (signal) => {
    const node = await start('0', '5000', 'ok', 'ok', 'ok');
    expect(await node.kill(signal)).toEqual({ code: 0, signal: null });
    expect(closed(node)).toEqual(['0', '1', '2']);
    expect(node.lines.join('\n')).toContain('"bye"');
  });

  it('closes the rest when one cannot be closed, names that one, and ends with 1', async () => {
    const node = await start('0', '5000', 'ok', 'fails', 'ok');
    expect(await node.kill('SIGTERM')).toEqual({ code: 1, signal: null });
    expect(closed(node)).toEqual(['0', '1', '2']);
    expect(node.lines.join('\n')).toMatch(/"step":"1".*could not be closed/);
  });

  it('ends with 1 when something does not close in time', async () => {
    const node = await start('0', '300', 'hangs', 'ok');
    expect(await node.kill('SIGTERM')).toEqual({ code: 1, signal: null });
    expect(closed(node)).toEqual(['0']);
    expect(node.lines.join('\n')).toContain('shutdown took too long');
  });

  it('begins to close after the delay, which those who send work here are told of', async () => {
    const node = await start('200', '5000', 'ok');
    expect(await node.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(node.lines.join('\n')).toMatch(/shutting down[^]*going on for a while[^]*closing 0[^]*bye/);
    const [said, closing] = ['going on', 'closing 0'].map((text) => timeOf(node, text));
    expect(Number(closing) - Number(said)).toBeGreaterThanOrEqual(199);
  });

  it('gives the steps all of their time after the delay', async () => {
    const node = await start('400', '300', 'hangs');
    expect(await node.kill('SIGTERM')).toEqual({ code: 1, signal: null });
    expect(closed(node)).toEqual(['0']);
  });

  it('ends at once on a second signal during the delay', async () => {
    const node = await start('60000', '60000', 'ok');
    node.signal('SIGTERM');
    await node.waitForLine(/going on for a while/);
    expect(await node.kill('SIGTERM')).toEqual({ code: 1, signal: null });
    expect(closed(node)).toEqual([]);
  });

  it('ends at once on a second signal', async () => {
    const node = await start('0', '60000', 'hangs');
    node.signal('SIGINT');
    await node.waitForLine(/closing 0/);
    expect(await node.kill('SIGTERM')).toEqual({ code: 1, signal: null });
    expect(node.lines.join('\n')).toContain('second signal');
  });
});

describe('exitOnUncaught', () => {
  it.each([
    ['SIGUSR1', 'uncaught exception', 'nobody caught this'],
    ['SIGUSR2', 'unhandled rejection', 'nobody awaited this'],
  ] as const)('logs what nobody caught and ends with 1: %s, %s', async (signal, kind, message) => {
    const node = await start('0', '5000', 'ok');
    expect(await node.kill(signal)).toEqual({ code: 1, signal: null });
    const output = node.lines.join('\n');
    expect(output).toContain(kind);
    expect(output).toContain(message);
    expect(closed(node)).toEqual([]);
  });
});
