import type { Config } from '@holdfast/config';
import { problemSchema } from '@holdfast/contract';
import { maxJobIdBytes } from '@holdfast/queue';
import type { Logger, Metrics } from '@holdfast/telemetry';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastify from 'fastify';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { parseJsonOnly, refuseEncodedBodies } from './body-parsers.ts';
import { answerClientErrors } from './client-error.ts';
import { Connections } from './connections.ts';
import { nextSync } from './next-sync.ts';
import { auth } from './plugins/auth.ts';
import { bullBoard } from './plugins/bull-board.ts';
import { closing } from './plugins/closing.ts';
import { docs } from './plugins/docs/index.ts';
import { errors, routeTable, sendError } from './plugins/errors.ts';
import { exchanges } from './plugins/exchanges.ts';
import { metrics } from './plugins/metrics.ts';
import { nodeAnswers } from './plugins/node-answers.ts';
import { requestLog } from './plugins/request-log.ts';
import { strictByDefault } from './plugins/strict-by-default.ts';
import { RequestLogger } from './request-logger.ts';
import { requestIdOf } from './request-id.ts';
import { bulkRoutes } from './routes/cache/bulk.ts';
import { cacheRoutes } from './routes/cache/index.ts';
import { entityRoutes } from './routes/entities/index.ts';
import { homeRoutes } from './routes/home/index.ts';
import { healthRoutes } from './routes/health/index.ts';
import { ModulesHealth } from './routes/health/modules-health.ts';
import { deadLetterRoutes } from './routes/dead-letters/index.ts';
import { bulkJobRoutes } from './routes/jobs/bulk.ts';
import { jobEventRoutes } from './routes/jobs/events.ts';
import { jobRoutes } from './routes/jobs/index.ts';
import { manageJobRoutes } from './routes/jobs/manage.ts';
import { namespaceRoutes } from './routes/namespaces/index.ts';
import { operationRoutes } from './routes/operations/index.ts';
import { queueRoutes } from './routes/queues/index.ts';
import { scheduleRoutes } from './routes/schedules/index.ts';
import { sourceRoutes } from './routes/sources/index.ts';
import { StreamErrorLog } from './stream-error-log.ts';
import { compileValidator } from './validation.ts';
import { version } from '@holdfast/runtime';
import type { Runtime } from '@holdfast/runtime';

/** What the service is made of; `buildApp` neither creates nor closes any of it. */
export interface AppDependencies {
  readonly config: Config;
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The id of a job that another BullMQ program added is the longest; percent-encoded, each byte takes three characters. */
const maxParamLength = 3 * maxJobIdBytes;
/** Sockets beyond it are refused by the operating system's queue and then reset, before they cost memory. */
const maxConnections = 10_000;

/** The REST service, ready for `listen` or `inject`. It has no side effect but what `close()` undoes. */
export async function buildApp(dependencies: AppDependencies): Promise<FastifyInstance> {
  const { config, runtime, logger } = dependencies;
  const { caches, entities } = runtime.parts.cache;
  const { queues, backend } = runtime.parts.queues;
  const { sources } = runtime.parts.sources;
  const { requestTimeoutMs, bodyLimitBytes } = config.server;
  // Under Fastify's own type: an instance typed with pino's would not fit where any instance is taken.
  const loggerInstance: FastifyBaseLogger = logger;
  const connections = new Connections();
  const app = fastify({
    loggerInstance,
    childLoggerFactory: (parent, bindings) => new RequestLogger(parent, bindings),
    logController: new StreamErrorLog(),
    genReqId: requestIdOf,
    bodyLimit: bodyLimitBytes,
    routerOptions: { maxParamLength },
    // Time to receive a request, to answer it, and to say nothing on a socket: each longer than the one before.
    requestTimeout: requestTimeoutMs,
    connectionTimeout: requestTimeoutMs + 5000,
    http: {
      headersTimeout: Math.min(10_000, requestTimeoutMs),
      connectionsCheckingInterval: 1000,
      // Asked for in plugins/node-answers.ts, which says what is wrong.
      requireHostHeader: false,
    },
    // Requests that arrive on an open connection while the service closes are still answered, with `connection: close`.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => void sendError(error, request, reply),
    clientErrorHandler: answerClientErrors(connections),
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.server.maxConnections = maxConnections;
  app.setValidatorCompiler(compileValidator);
  app.addSchema(problemSchema);
  parseJsonOnly(app);
  refuseEncodedBodies(app);

  await app.register(closing);
  await app.register(routeTable);
  await app.register(errors);
  await app.register(exchanges, { connections, timeoutMs: requestTimeoutMs });
  await app.register(nodeAnswers);
  await app.register(docs, { version });
  await app.register(strictByDefault);
  await app.register(auth, { apiKeys: config.apiKeys });
  await app.register(requestLog, { isEnabled: (level) => logger.isLevelEnabled(level) });
  await app.register(metrics, { metrics: dependencies.metrics });

  const uptime = (): number => Math.round(process.uptime());
  const health = { config, runtime, modules: new ModulesHealth(runtime.modules, logger), version, uptime };
  await app.register(healthRoutes, health);
  await app.register(homeRoutes, { health, apiKeys: config.apiKeys });
  await app.register(operationRoutes, { health, config });
  await app.register(cacheRoutes, { caches });
  await app.register(bulkRoutes, { caches, bodyLimitBytes });
  await app.register(entityRoutes, { entities });
  await app.register(namespaceRoutes, { caches });
  await app.register(queueRoutes, { queues });
  await app.register(jobRoutes, { queues, maxWaitMs: Math.max(0, requestTimeoutMs - 1000) });
  await app.register(manageJobRoutes, { queues });
  await app.register(bulkJobRoutes, { queues, bodyLimitBytes });
  await app.register(jobEventRoutes, { queues, heartbeatMs: Math.min(15_000, requestTimeoutMs) });
  await app.register(scheduleRoutes, { queues });
  await app.register(deadLetterRoutes, { queues });
  await app.register(sourceRoutes, {
    caches,
    sources,
    queues,
    namespaces: Object.fromEntries(Object.values(config.sources).map(({ name, namespace }) => [name, namespace])),
    upstreamConfigured: config.upstream.baseUrl !== null,
    nextSync: (source) => nextSync(queues, source),
  });
  await app.register(bullBoard, { apiKeys: config.apiKeys, backend, queues: queues.names() });
  await app.ready();
  return app;
}
