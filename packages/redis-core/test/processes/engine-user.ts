import { createEngine } from '../../src/index.ts';

/** Uses an engine with all its connections and closes it; then nothing is left to do. Arguments: host and port. */
const [, , host = '', port = ''] = process.argv;
const engine = createEngine({ name: 'user', target: { kind: 'standalone', host, port: Number(port) } });
engine.onInvalidate(() => undefined);
while (engine.trackingEpoch === 0) await engine.time();
await engine.subscribe('news', () => undefined);
await engine.close();
process.stdout.write('closed\n');
