/** The peer: Fastify with one route that answers what a plain GET of Redis replies, with the same client settings. */
import fastify from 'fastify';
import { Redis } from 'ioredis';
import { contentType } from '../payload.ts';

const [port, url = ''] = process.argv.slice(2);
const redis = new Redis(url, { enableAutoPipelining: true, protocol: 2 });
const app = fastify();
app.get<{ Params: { ns: string; key: string } }>('/v1/cache/:ns/:key', async ({ params }, reply) => {
  const bytes = await redis.getBuffer(`plain:${params.ns}:${params.key}`);
  return reply.header('content-type', contentType).send(bytes);
});
await app.listen({ host: '127.0.0.1', port: Number(port) });
console.log('ready');
