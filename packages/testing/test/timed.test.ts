import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { timed } from '@holdfast/testing';
import { describe, expect, it } from 'vitest';

/** Computes for so many milliseconds of processor time. */
function compute(ms: number): void {
  const usedMs = (): number => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  };
  for (const end = usedMs() + ms; usedMs() < end;);
}

describe('timed', () => {
  it('counts what is computed', async () => {
    expect(await timed(() => compute(50))).toBeGreaterThan(40);
  });

  it('counts what is waited for', async () => {
    // Waiting is what is measured here; a busy machine takes off what it keeps the thread waiting for a processor.
    expect(await timed(() => sleep(1000))).toBeGreaterThan(500);
  });

  it.runIf(process.platform === 'linux')('does not count what the machine gives to others', async () => {
    // They end by themselves, whatever happens to this process.
    const hogs = Array.from({ length: availableParallelism() * 3 }, () =>
      spawn('timeout', ['20', 'sh', '-c', 'while :; do :; done'], { stdio: 'ignore' }),
    );
    try {
      let wallMs = 0;
      const tookMs = await timed(() => {
        const startedAt = performance.now();
        compute(300);
        wallMs = performance.now() - startedAt;
      });
      expect(wallMs).toBeGreaterThan(450);
      expect(tookMs).toBeGreaterThan(250);
      // The host of a virtual machine takes some away as well, which nobody here is told.
      expect(tookMs - 300).toBeLessThan((wallMs - 300) / 2);
    } finally {
      for (const one of hogs) one.kill();
    }
  });
});
