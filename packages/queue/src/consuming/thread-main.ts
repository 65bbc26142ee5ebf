/** Runs in a thread: the handler that `workerData.handler` exports by default, one job at a time. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Handler, RunningJob } from './handler.ts';
import type { ThreadCall, ThreadError, ThreadMessage, ThreadRequest, ThreadStart } from './thread-protocol.ts';

const port = parentPort;
if (port === null) throw new Error('This file runs in a thread only.');

const { handler: url, preload } = workerData as ThreadStart;
const loading = load();
// A file that cannot be loaded fails each job with the reason, instead of ending the thread without one.
loading.catch(() => undefined);

const calls = new Map<number, PromiseWithResolvers<unknown>>();
let lastCall = 0;
const say = (message: ThreadMessage): void => port.postMessage(message);
const ask = async (method: ThreadCall, value?: unknown): Promise<unknown> => {
  lastCall += 1;
  const answer = Promise.withResolvers<unknown>();
  calls.set(lastCall, answer);
  say({ kind: 'call', call: lastCall, method, value });
  return answer.promise;
};

port.on('message', (request: ThreadRequest) => {
  if (request.kind === 'run') {
    void run(request.job);
    return;
  }
  const call = calls.get(request.call);
  calls.delete(request.call);
  if (request.error === undefined) call?.resolve(request.value);
  else call?.reject(new Error(request.error));
});

async function load(): Promise<{ readonly default: Handler }> {
  for (const module of preload) await import(module);
  return import(url) as Promise<{ readonly default: Handler }>;
}

async function run(job: Extract<ThreadRequest, { kind: 'run' }>['job']): Promise<void> {
  try {
    const result: unknown = await (
      await loading
    ).default({
      ...job,
      // The thread ends where a signal would be aborted.
      signal: new AbortController().signal,
      progress: async (value) => void (await ask('progress', value)),
      log: async (line) => void (await ask('log', line)),
      children: async () => (await ask('children')) as Awaited<ReturnType<RunningJob['children']>>,
    });
    say({ kind: 'done', result });
  } catch (error) {
    say({ kind: 'failed', error: describeError(error) });
  }
}

function describeError(thrown: unknown): ThreadError {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const { code, delayMs } = error as { code?: unknown; delayMs?: unknown };
  const { name, message, stack } = error;
  return {
    name,
    message,
    stack,
    code: typeof code === 'string' ? code : undefined,
    delayMs: typeof delayMs === 'number' ? delayMs : undefined,
  };
}
