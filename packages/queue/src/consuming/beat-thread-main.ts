/**
 * The thread of the heartbeats, one a process. It sends the beats that the main thread asks for, and others in their place
 * while the event loop of that stands, which is no death; until it has stood for longer than it may.
 */
import { enableCompileCache } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import type { StuckLoopEvent } from '../job/channels.ts';
import { BeatLink } from './beat-link.ts';
import type {
  BeatThreadStart,
  FromBeatThread,
  OnStuckLoop,
  OpenSender,
  ThreadCall,
  ToBeatThread,
} from './beat-protocol.ts';
import { LoopSign } from './loop-sign.ts';
import { LoopWatch } from './loop-watch.ts';

const port = parentPort;
if (port === null) throw new Error('This file runs in a thread only.');
const say = (message: FromBeatThread): void => port.postMessage(message);

const { memory, compileCache } = workerData as BeatThreadStart;
if (compileCache !== undefined) enableCompileCache(compileCache);

const everyMs = 250;
const sign = new LoopSign(memory);
const watch = new LoopWatch({ sign, everyMs });
/** One that is being opened is a promise. */
const links = new Map<number, Promise<BeatLink>>();
const opened = new Map<number, BeatLink>();
const listeners = new Map<string, OnStuckLoop>();

function openLink({ link, module, options }: ToBeatThread & { kind: 'open' }): void {
  const opening = (import(module) as Promise<{ readonly openSender: OpenSender }>).then(({ openSender }) => {
    const onRescued = (queue: string, count: number): void => say({ kind: 'rescued', link, queue, count });
    const beatLink = new BeatLink(openSender(options), onRescued);
    opened.set(link, beatLink);
    return beatLink;
  });
  // Each call over it says why.
  opening.catch(() => undefined);
  links.set(link, opening);
}

async function linkOf(link: number): Promise<BeatLink> {
  const found = links.get(link);
  if (found === undefined) throw new Error('This link to a store was closed.');
  return found;
}

async function carryOut(message: ThreadCall & { readonly call: number }): Promise<FromBeatThread> {
  const { call } = message;
  const link = await linkOf(message.link);
  if (message.kind === 'beat') return { kind: 'answer', call, value: await link.beat(message.beat) };
  if (message.kind === 'leave') await link.leave(message.workerId, message.holdsJobs);
  else {
    links.delete(message.link);
    opened.delete(message.link);
    await link.close();
  }
  return { kind: 'answer', call, value: undefined };
}

async function listenWith(modules: readonly string[]): Promise<void> {
  for (const module of modules) {
    if (listeners.has(module)) continue;
    const { default: listener } = (await import(module)) as { readonly default: OnStuckLoop };
    listeners.set(module, listener);
  }
}

port.on('message', (message: ToBeatThread) => {
  if (message.kind === 'open') openLink(message);
  else if (message.kind === 'tell') {
    listenWith(message.modules).catch((error: unknown) => say({ kind: 'trouble', message: String(error) }));
  } else {
    const { call } = message;
    carryOut(message).then(say, (error: unknown) => {
      const { message: text, name, cause } = error instanceof Error ? error : new Error(String(error));
      const reply = cause instanceof Error && cause.name === 'ReplyError' ? { reply: cause.message } : {};
      say({ kind: 'refused', call, message: text, name, ...reply });
    });
  }
});

function stuckLoop(stoodMs: number, limitMs: number): StuckLoopEvent {
  return { stoodMs, limitMs, queues: [...new Set([...opened.values()].flatMap(({ queues }) => queues))] };
}

setInterval(() => {
  const state = watch.look();
  if (state.kind === 'standing') {
    // A loop that is merely busy beats by itself.
    if (state.stoodMs >= 2 * everyMs) for (const link of opened.values()) void link.keep();
  } else if (state.kind === 'stuck' && state.isNews) {
    for (const listener of listeners.values()) listener(stuckLoop(state.stoodMs, state.limitMs));
  } else if (state.kind === 'freed') {
    say({ kind: 'stuck', stuck: stuckLoop(state.stoodMs, state.limitMs) });
  }
}, everyMs);
