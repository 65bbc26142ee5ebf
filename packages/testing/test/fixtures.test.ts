import { connect } from 'node:net';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { closedPort, eventually, freePort, Latch, spawnNode, TestClock, uniquePrefix } from '@holdfast/testing';

describe('Latch', () => {
  it('lets nobody through before it opens, and everybody afterwards', async () => {
    const latch = new Latch();
    const passed: string[] = [];
    const waiting = latch.wait().then(() => passed.push('waiter'));
    await Promise.resolve();
    expect(passed).toEqual([]);
    latch.open();
    await waiting;
    await latch.wait();
    expect(passed).toEqual(['waiter']);
  });

  it('opens at the last of several calls', async () => {
    const latch = new Latch(2);
    latch.open();
    expect(latch.isOpen).toBe(false);
    latch.open();
    expect(latch.isOpen).toBe(true);
    await latch.wait();
  });

  it('gives up with a message', async () => {
    await expect(new Latch().wait({ timeoutMs: 5 })).rejects.toThrow('not opened within 5 ms');
  });
});

describe('TestClock', () => {
  it('moves only when told to', () => {
    const clock = new TestClock(1_000);
    const { now } = clock;
    expect(now()).toBe(1_000);
    expect(clock.advance(250)).toBe(1_250);
    clock.set(5);
    expect(now()).toBe(5);
  });
});

describe('ports', () => {
  it('closedPort refuses connections', async () => {
    const socket = connect({ host: '127.0.0.1', port: await closedPort() });
    const [error] = (await once(socket, 'error').catch((cause: unknown) => [cause])) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
  });

  it('freePort is a port to listen on', async () => {
    expect(await freePort()).toBeGreaterThan(1023);
  });
});

describe('uniquePrefix', () => {
  it('differs each time', () => {
    expect(uniquePrefix('cache')).toMatch(/^cache-[0-9a-f]{12}$/);
    expect(uniquePrefix()).not.toBe(uniquePrefix());
  });
});

describe('eventually', () => {
  it('returns what the assertion returned as soon as it holds', async () => {
    let tries = 0;
    const result = await eventually(() => {
      tries += 1;
      expect(tries).toBeGreaterThan(2);
      return tries;
    });
    expect(result).toBe(3);
  });

  it('fails with the last error', async () => {
    const never = eventually(() => expect(1).toBe(2), { timeoutMs: 20 });
    await expect(never).rejects.toThrow(/Still not so after 20 ms: expected 1 to be 2/);
  });
});

describe('spawnNode', () => {
  const file = new URL('fixtures/speak.ts', import.meta.url);

  it('passes arguments and only the environment that it is given', async () => {
    const child = spawnNode(file, { args: ['a', 'b'], env: { COLOUR: 'red' } });
    await child.waitForLine(/ready/);
    expect((await child.waitForLine(/args (.*)/))[1]).toBe('a b');
    await child.waitForLine(/colour red, TEST_REDIS_URL none/);
    expect(await child.kill('SIGTERM')).toEqual({ code: 3, signal: null });
    expect(child.lines).toContain('bye');
  });

  it('reports a kill by its signal', async () => {
    const child = spawnNode(file);
    await child.waitForLine(/ready/);
    expect(await child.kill()).toEqual({ code: null, signal: 'SIGKILL' });
    expect(await child.exited).toEqual({ code: null, signal: 'SIGKILL' });
  });

  it('tells what was printed when the awaited line does not come', async () => {
    const child = spawnNode(file);
    await child.waitForLine(/ready/);
    await expect(child.waitForLine(/never/, { timeoutMs: 20 })).rejects.toThrow(/20 ms passed[^]*ready/);
    const awaited = child.waitForLine(/never/);
    await Promise.all([expect(awaited).rejects.toThrow(/the process ended \(SIGKILL\)/), child.kill()]);
  });
});
