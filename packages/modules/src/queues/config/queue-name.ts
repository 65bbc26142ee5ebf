/** The grammar of the names of queues, wherever a person writes one: in `queues`, in WORKER_QUEUES, and before `.queue.ts`. */
export const queueName = /^[a-z0-9][a-z0-9-]{0,63}$/;
