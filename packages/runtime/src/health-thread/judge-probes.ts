import type { ProbeAnswer } from './protocol.ts';

/** A main thread that was silent for longer answers no requests to speak of. Milliseconds. */
export const readyForMs = 10_000;

export interface Silence {
  /** How long ago the event loop of the main thread gave its last sign. */
  readonly silentMs: number;
  /** For how long it may. */
  readonly patienceMs: number;
}

/** Whether the process should go on: what it said last, unless it has said nothing for longer than it may. */
export function judgeLive(last: ProbeAnswer, { silentMs, patienceMs }: Silence): ProbeAnswer {
  return judge(last, silentMs, patienceMs);
}

/** Whether work should be sent to it: what it said last, while that is not too old. */
export function judgeReady(last: ProbeAnswer, { silentMs }: Silence): ProbeAnswer {
  return judge(last, silentMs, readyForMs);
}

/** Each answer says how old it is, in seconds. */
function judge({ status, body }: ProbeAnswer, silentMs: number, limitMs: number): ProbeAnswer {
  const age = Math.round(silentMs / 100) / 10;
  return silentMs > limitMs ? { status: 503, body: { status: 'down', age } } : { status, body: { ...body, age } };
}
