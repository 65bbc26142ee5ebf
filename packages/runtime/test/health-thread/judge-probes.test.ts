import { describe, expect, it } from 'vitest';
import { judgeLive, judgeReady } from '../../src/health-thread/judge-probes.ts';
import type { ProbeAnswer } from '../../src/health-thread/protocol.ts';

const ok: ProbeAnswer = { status: 200, body: { status: 'ok' } };
const closing: ProbeAnswer = { status: 503, body: { status: 'closing' } };

describe('what a probe is answered for a main thread that', () => {
  it.each([
    ['turns', ok, 20, 10_000, 200, 200, 'ok'],
    ['is busy for a while', ok, 9999, 10_000, 200, 200, 'ok'],
    ['is silent for longer than it may', ok, 10_001, 10_000, 503, 503, 'down'],
    ['is silent, and a job of it may keep it so', ok, 10_001, 90_000, 200, 503, 'down'],
    ['is silent for longer than its job may', ok, 90_001, 90_000, 503, 503, 'down'],
    ['was not ready', closing, 20, 10_000, 200, 503, 'closing'],
  ] as const)('%s', (_what, last, silentMs, patienceMs, live, ready, said) => {
    const silence = { silentMs, patienceMs };
    expect(judgeLive(ok, silence).status).toBe(live);
    expect(judgeReady(last, silence)).toEqual({
      status: ready,
      body: { status: said, age: Math.round(silentMs / 100) / 10 },
    });
  });

  it('says itself that only a new process would help', () => {
    const stuck: ProbeAnswer = { status: 503, body: { status: 'down', stuck: ['mails'] } };
    expect(judgeLive(stuck, { silentMs: 0, patienceMs: 10_000 })).toEqual({
      status: 503,
      body: { status: 'down', stuck: ['mails'], age: 0 },
    });
  });
});
