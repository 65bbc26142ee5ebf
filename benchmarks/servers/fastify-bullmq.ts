/** The peer: Fastify with one route that calls BullMQ's `add`, as its guide shows it, and answers with the id. */
import { Queue } from 'bullmq';
import fastify from 'fastify';

const [port, redisPort = ''] = process.argv.slice(2);
const queue = new Queue('peer', { connection: { host: '127.0.0.1', port: Number(redisPort) } });
await queue.waitUntilReady();
const app = fastify();
app.post<{ Body: { data: object } }>('/jobs', async ({ body }, reply) => {
  const job = await queue.add('job', body.data, {
    priority: 10,
    attempts: 8,
    backoff: { type: 'exponential', delay: 1000 },
    removeOnComplete: { count: 1000 },
    removeOnFail: { count: 1000 },
  });
  return reply.code(201).send({ id: job.id, queue: 'peer', state: 'prioritized', duplicate: false });
});
await app.listen({ host: '127.0.0.1', port: Number(port) });
console.log('ready');
