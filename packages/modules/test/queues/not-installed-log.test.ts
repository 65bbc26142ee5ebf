import { QueueUnavailableError } from '@holdfast/queue';
import { createLogger } from '@holdfast/telemetry';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { notInstalledLog } from '../../src/queues/handlers/not-installed-log.ts';

const warnings = (log: readonly string[]): string[] =>
  log.filter((line) => line.includes('could not be installed yet'));

describe('schedules that cannot be installed', () => {
  afterEach(() => void vi.useRealTimers());

  it('are one warning of each kind in five minutes, and none while the store is away', () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const log: string[] = [];
    const onFailure = notInstalledLog(
      createLogger({ service: 'worker', stream: { write: (line) => void log.push(line) } }),
    );
    const refused = Object.assign(new Error('MISCONF Errors writing to the AOF file'), { name: 'ReplyError' });
    const failures = [
      new QueueUnavailableError('It refuses commands.', { cause: refused }),
      new Error('A fault of ours.'),
      new QueueUnavailableError('It is away.', { cause: new Error('connect ECONNREFUSED') }),
    ];
    for (let attempt = 0; attempt < 3; attempt += 1) for (const failure of failures) onFailure(failure);
    expect(warnings(log)).toHaveLength(2);
    vi.setSystemTime(Date.now() + 300_000);
    for (const failure of failures) onFailure(failure);
    expect(warnings(log)).toHaveLength(4);
    expect(log.join()).not.toContain('It is away.');
  });
});
