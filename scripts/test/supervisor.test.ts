import { afterEach, describe, expect, it } from 'vitest';
import { eventually, spawnNode, type SpawnedNode } from '@holdfast/testing';

const fixture = (name: string): URL => new URL(`fixtures/${name}`, import.meta.url);
let pids: number[] = [];

/** Starts a fixture and waits for both children. */
async function start(name: string, ...args: string[]): Promise<SpawnedNode> {
  const supervised = spawnNode(fixture(name), { args, execArgs: [] });
  const lines = await Promise.all([
    supervised.waitForLine(/^first runs as (\d+)/),
    supervised.waitForLine(/^second runs as (\d+)/),
  ]);
  pids = lines.map((match) => Number(match[1]));
  return supervised;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('the supervisor of npm start', () => {
  afterEach(async () => {
    await eventually(() => expect(pids.filter(isAlive)).toEqual([]));
  });

  it('stops its children once each, the one that others need last', async () => {
    const supervised = await start('supervised.mjs');
    expect(await supervised.kill('SIGINT')).toEqual({ code: 0, signal: null });
    expect(supervised.lines.filter((line) => line.includes('got'))).toEqual([
      'first got SIGTERM',
      'second got SIGTERM',
    ]);
  });

  it('takes the signals of a terminal and of npm, which come together, for one', async () => {
    const supervised = await start('supervised.mjs', 'hangs', '300');
    supervised.signal('SIGINT');
    supervised.signal('SIGTERM');
    await supervised.waitForLine(/first got SIGTERM/);
    await supervised.waitForLine(/Still running after 300 ms, killed: first/);
    expect(await supervised.exited).toEqual({ code: 0, signal: null });
  });

  it('kills at once at a second signal', async () => {
    const supervised = await start('supervised.mjs', 'hangs');
    supervised.signal('SIGINT');
    await supervised.waitForLine(/first got SIGTERM/);
    // Only a later signal is a second one: repeated until it is.
    await eventually(
      () => {
        supervised.signal('SIGINT');
        expect(pids.filter(isAlive)).toEqual([]);
      },
      { intervalMs: 100 },
    );
    expect(await supervised.exited).toEqual({ code: 0, signal: null });
  });

  it('stops the others when one dies, with its exit code', async () => {
    const supervised = await start('supervised.mjs', 'dies');
    process.kill(pids[0] ?? 0, 'SIGUSR2');
    expect(await supervised.exited).toEqual({ code: 7, signal: null });
    expect(supervised.lines).toContain('first ended (exit 7); stopping.');
    expect(supervised.lines).toContain('second got SIGTERM');
  });

  it('leaves nothing behind when it is killed itself', async () => {
    const supervised = await start('supervised.mjs');
    await supervised.kill('SIGKILL');
  });

  it('stops when the process that started it is killed', async () => {
    const npm = await start('parent.mjs');
    npm.signal('SIGKILL');
    await npm.exited;
    expect(npm.lines).toContain('second got SIGTERM');
  });
});
