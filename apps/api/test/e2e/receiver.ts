import { once } from 'node:events';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Receiver {
  readonly url: string;
  /** The `webhook-id` of what came, in the order of arrival. */
  readonly ids: readonly string[];
  /** From now on, answers are held back until `letGo`. */
  hold(): void;
  /** Answers what was held back, and what comes. */
  letGo(): void;
  close(): Promise<void>;
}

/** A local server that deliveries go to. */
export async function startReceiver(): Promise<Receiver> {
  const ids: string[] = [];
  const held = new Set<ServerResponse>();
  let isHolding = false;
  const server = createServer((request, response) => {
    ids.push(String(request.headers['webhook-id']));
    request.resume();
    if (isHolding) held.add(response);
    else response.end('received');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    ids,
    hold() {
      isHolding = true;
    },
    letGo() {
      isHolding = false;
      for (const response of held) response.end('received');
      held.clear();
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
