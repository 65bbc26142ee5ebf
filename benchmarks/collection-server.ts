import { once } from 'node:events';
import { createServer } from 'node:http';

export interface CollectionServer {
  readonly url: string;
  /** What `instances` holds from now on. */
  show(items: readonly object[]): void;
  close(): Promise<void>;
}

/** An upstream in the shape that the built-in sources read, with exactly the items it is told to have. */
export async function startCollectionServer(): Promise<CollectionServer> {
  let instances: readonly object[] = [];
  const products = [{ id: 'only-product' }];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://upstream.invalid');
    const pageNum = Number(url.searchParams.get('pageNum') ?? 1);
    const pageSize = Number(url.searchParams.get('pageSize') ?? 100);
    const field = url.pathname.endsWith('/products') ? 'data' : 'instances';
    const all = field === 'data' ? products : instances;
    const page = all.slice((pageNum - 1) * pageSize, pageNum * pageSize);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ [field]: page, pageNum, pageSize, total: all.length }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The system gave no port.');
  return {
    url: `http://127.0.0.1:${address.port}`,
    show(items) {
      instances = items;
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
