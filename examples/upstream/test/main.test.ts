import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { eventually, spawnNode } from '@holdfast/testing';

const main = new URL('../src/main.ts', import.meta.url);

async function isUp(url: string): Promise<boolean> {
  return fetch(`${url}/gpu-instance/openapi/v1/products`).then(
    (response) => response.ok,
    () => false,
  );
}

describe('the process', () => {
  it('prints its address as one line of JSON and answers there', async () => {
    const child = spawnNode(main, { args: ['--latency-ms', '0'] });
    const [line] = await child.waitForLine(/^\{.*\}$/);
    const { url } = JSON.parse(line) as { url: string };
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(await isUp(url)).toBe(true);
    await child.kill('SIGTERM');
    expect(child.lines).toHaveLength(1);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('ends at once on %s', async (signal) => {
    const child = spawnNode(main);
    await child.waitForLine(/url/);
    expect(await child.kill(signal)).toEqual({ code: 0, signal: null });
  });

  it('refuses a port that is none', async () => {
    const child = spawnNode(main, { args: ['--port', '70000'] });
    expect(await child.exited).toEqual({ code: 2, signal: null });
    expect(child.lines.join('\n')).toContain('--port must be a whole number');
  });

  it('ends when its standard input does', async () => {
    const child = spawn(process.execPath, [fileURLToPath(main)], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(createInterface({ input: child.stdout }), 'line');
    child.stdin.end();
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('ends when its parent is killed', async () => {
    const script = `require('node:child_process').spawn(process.execPath, [${JSON.stringify(fileURLToPath(main))}], { stdio: ['ignore', 'inherit', 'inherit'] })`;
    const parent = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string];
    const { url } = JSON.parse(line) as { url: string };
    parent.kill('SIGKILL');
    await eventually(async () => expect(await isUp(url)).toBe(false));
  });
});
