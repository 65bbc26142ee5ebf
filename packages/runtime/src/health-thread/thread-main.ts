/** Runs in a thread of its own, and answers what probes and Prometheus ask of the process, whatever its main thread does. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { listen } from '../listen.ts';
import { Heartbeat } from './heartbeat.ts';
import { judgeLive, judgeReady } from './judge-probes.ts';
import { LatestReport } from './latest-report.ts';
import {
  problemReport,
  type FromThread,
  type ProbeAnswer,
  type Report,
  type ThreadStart,
  type ToThread,
} from './protocol.ts';

const port = parentPort;
if (port === null) throw new Error('This file runs in a thread only.');
const say = (message: FromThread): void => port.postMessage(message);

const start = workerData as ThreadStart;
const heartbeat = new Heartbeat(start.memory);
let { probes } = start;
const reports = new Map(start.paths.map((path) => [path, new LatestReport(() => say({ kind: 'wanted', path }))]));

port.on('message', (message: ToThread) => {
  if (message.kind === 'probes') ({ probes } = message);
  else reports.get(message.path)?.accept(message.report);
});

/** From the arrival of a request until its answer has been read. Milliseconds. */
const exchangeMs = 10_000;

// Neither a body nor a slow sender is waited for; more connections than probes and scrapes need are refused.
const limits = { requestTimeout: 5000, headersTimeout: 5000, connectionsCheckingInterval: 1000 };
const server = createServer(limits, (request, response) => void answer(request, response));
server.maxConnections = 256;

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const late = setTimeout(() => response.destroy(), exchangeMs);
  response.once('close', () => clearTimeout(late));
  const { method, url = '' } = request;
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    send(response, problemReport({ status: 405, title: 'Method Not Allowed' }));
    return;
  }
  const [path = ''] = url.split('?', 1);
  switch (path) {
    case '/health/live':
      sendProbe(response, judgeLive(probes.live, heartbeat));
      return;
    case '/health/ready':
      sendProbe(response, judgeReady(probes.ready, heartbeat));
      return;
    default:
      await sendReport(response, reports.get(path));
  }
}

async function sendReport(response: ServerResponse, latest: LatestReport | undefined): Promise<void> {
  if (latest === undefined) {
    send(response, problemReport({ status: 404, title: 'Not Found' }));
    return;
  }
  const report = await latest.read();
  if (report === undefined) {
    send(response, problemReport({ status: 503, title: 'Service Unavailable' }));
    return;
  }
  response.setHeader('age', Math.floor(report.ageMs / 1000));
  send(response, { ...report, body: report.body.replace(ageMetric, `$1 ${report.ageMs / 1000}`) });
}

function sendProbe(response: ServerResponse, { status, body }: ProbeAnswer): void {
  send(response, { status, contentType: 'application/json; charset=utf-8', body: JSON.stringify(body) });
}

function send(response: ServerResponse, { status, contentType, body }: Report): void {
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

/** In metrics that their own process shows, which are new. */
const ageMetric = /^(holdfast_metrics_age_seconds) 0$/m;

const listener = {
  server,
  async listen(options: { readonly host: string; readonly port: number }): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    server.once('error', reject);
    server.listen(options, () => resolve(''));
    await promise.finally(() => server.off('error', reject));
    return promise;
  },
};
try {
  const url = await listen(listener, { host: start.host, port: start.port });
  say({ kind: 'listening', url, address: server.address() as AddressInfo });
} catch (error) {
  const { code = '', message } = error as NodeJS.ErrnoException;
  say({ kind: 'failed', code, message });
}
