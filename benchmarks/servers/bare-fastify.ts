/** The peer: Fastify with one route and nothing else, which answers the bytes that Holdfast is measured with. */
import fastify from 'fastify';
import { body, contentType } from '../payload.ts';

const app = fastify();
const bytes = Buffer.from(body);
app.get('/v1/cache/:ns/:key', async (_request, reply) => reply.header('content-type', contentType).send(bytes));
await app.listen({ host: '127.0.0.1', port: Number(process.argv[2]) });
console.log('ready');
