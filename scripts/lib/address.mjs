import { networkInterfaces } from 'node:os';

/**
 * Where this machine reaches a server that listens on `host`. `localhost` and `::` are both kinds of addresses, as far as there are any:
 * see packages/runtime/src/listen.ts.
 */
export function localAddress(host) {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::' || host.toLowerCase() === 'localhost') return hasIpv4() ? '127.0.0.1' : '::1';
  return host;
}

function hasIpv4() {
  return Object.values(networkInterfaces()).some((list) => list.some(({ family }) => family === 'IPv4'));
}
