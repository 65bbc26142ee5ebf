import { parseArgs } from 'node:util';
import { onParentGone } from './parent.ts';
import { startUpstream } from './upstream.ts';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    host: { type: 'string', default: '127.0.0.1' },
    'latency-ms': { type: 'string', default: '200' },
  },
});

const number = (name: string, text: string, max: number): number => {
  if (/^\d{1,6}$/.test(text) && Number(text) <= max) return Number(text);
  process.stderr.write(`--${name} must be a whole number from 0 to ${max}, not ${JSON.stringify(text)}.\n`);
  process.exit(2);
};

const server = await startUpstream({
  port: number('port', values.port, 65_535),
  host: values.host,
  latencyMs: number('latency-ms', values['latency-ms'], 60_000),
});
const stop = (): void => {
  void server.close().finally(() => process.exit(0));
};
process.once('SIGINT', stop);
process.once('SIGTERM', stop);
onParentGone(stop);
process.stdout.write(`${JSON.stringify({ url: server.url })}\n`);
