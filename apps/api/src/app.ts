import type { BaseConfig } from '@holdfast/config';
import type { StartedModule } from '@holdfast/modules';
import { compileValidator, maxEnvelopeBytes } from '@holdfast/modules/http';
import { maxJobIdBytes } from '@holdfast/queue';
import type { Logger, Metrics } from '@holdfast/telemetry';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastify from 'fastify';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { parseJsonOnly, refuseEncodedBodies } from './plugins/bodies/index.ts';
import { buildSerializer } from './plugins/bodies/serializer.ts';
import { answerClientErrors } from './plugins/node-answers/client-error.ts';
import { Connections } from './plugins/exchanges/connections.ts';
import { auth } from './plugins/auth/index.ts';
import { bodyBudget } from './plugins/body-budget/index.ts';
import { defaultBudgetBytes } from './plugins/body-budget/default-budget.ts';
import { bullBoard } from './plugins/bull-board/index.ts';
import { closing } from './plugins/closing/index.ts';
import { docs } from './plugins/docs/index.ts';
import { errors, routeTable, sendError } from './plugins/errors/index.ts';
import { exchanges } from './plugins/exchanges/index.ts';
import { load } from './plugins/load/index.ts';
import { metrics } from './plugins/metrics.ts';
import { nodeAnswers } from './plugins/node-answers/index.ts';
import { requestLog } from './plugins/request-log/index.ts';
import { strictByDefault } from './plugins/strict-by-default/index.ts';
import { RequestLogger } from './plugins/request-log/request-logger.ts';
import { requestIdOf } from './plugins/request-log/request-id.ts';
import { homeRoutes } from './routes/home/index.ts';
import { healthRoutes } from './routes/health/index.ts';
import { ModulesHealth } from './routes/health/modules-health.ts';
import { operationRoutes } from './routes/operations/index.ts';
import { StreamErrorLog } from './plugins/exchanges/stream-error-log.ts';
import { exitCodes, StartError, version } from '@holdfast/runtime';
import type { Runtime } from '@holdfast/runtime';

/** What the service is made of; `buildApp` neither creates nor closes any of it. */
export interface AppDependencies {
  readonly config: BaseConfig;
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** How late the event loop may be, on average over a second, before requests are refused. 0: however late. */
  readonly maxLoopDelayMs?: number;
}

/** The id of a job that another BullMQ program added is the longest; percent-encoded, each byte takes three characters. */
const maxParamLength = 3 * maxJobIdBytes;
/** Sockets beyond it are refused by the operating system's queue and then reset, before they cost memory. */
const maxConnections = 10_000;

/** The REST service, ready for `listen` or `inject`. It has no side effect but what `close()` undoes. */
export async function buildApp(dependencies: AppDependencies): Promise<FastifyInstance> {
  const { config, runtime, logger } = dependencies;
  const { queues, backend } = runtime.parts.queues;
  const { requestTimeoutMs } = config.server;
  // Under Fastify's own type: an instance typed with pino's would not fit where any instance is taken.
  const loggerInstance: FastifyBaseLogger = logger;
  const connections = new Connections();
  const app = fastify({
    loggerInstance,
    childLoggerFactory: (parent, bindings) => new RequestLogger(parent, bindings),
    logController: new StreamErrorLog(),
    genReqId: requestIdOf,
    // Routes that take more say so.
    bodyLimit: maxEnvelopeBytes,
    routerOptions: { maxParamLength },
    schemaController: { compilersFactory: { buildSerializer } },
    // Time to receive a request, to answer it, and to say nothing on a socket: each longer than the one before.
    requestTimeout: requestTimeoutMs,
    connectionTimeout: requestTimeoutMs + 5000,
    http: {
      headersTimeout: Math.min(10_000, requestTimeoutMs),
      connectionsCheckingInterval: 1000,
      // Asked for in plugins/node-answers, which says what is wrong.
      requireHostHeader: false,
    },
    // Requests that arrive on an open connection while the service closes are still answered, with `connection: close`.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => void sendError(error, request, reply),
    clientErrorHandler: answerClientErrors(connections),
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.server.maxConnections = maxConnections;
  app.setValidatorCompiler(compileValidator);
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
  await app.register(load, { connections, metrics: dependencies.metrics, maxLoopDelayMs: dependencies.maxLoopDelayMs });
  const limitBytes = config.server.bodyBudgetBytes ?? defaultBudgetBytes(config.mode);
  await app.register(bodyBudget, { limitBytes, metrics: dependencies.metrics });
  await app.register(requestLog, { isEnabled: (level) => logger.isLevelEnabled(level) });
  await app.register(metrics, { metrics: dependencies.metrics });

  const uptime = (): number => Math.round(process.uptime());
  const health = { config, runtime, modules: new ModulesHealth(runtime.modules, logger), version, uptime };
  await app.register(healthRoutes, health);
  await app.register(homeRoutes, { health, apiKeys: config.apiKeys });
  await app.register(operationRoutes, { health, config });
  for (const started of runtime.modules) await registerRoutes(app, started);
  await app.register(bullBoard, { apiKeys: config.apiKeys, backend, queues });
  await app.ready();
  return app;
}

/**
 * Those of one module, apart from the others: what it sets up for its routes is theirs alone.
 * @throws StartError that names the module, such as for a path that another one has
 */
async function registerRoutes(app: FastifyInstance, { module, running }: StartedModule): Promise<void> {
  const { routes } = await module.routes();
  try {
    await app.register(async (own) => routes(own, running));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const message = `The routes of the module "${module.name}" cannot be registered: ${reason}`;
    throw new StartError(message, exitCodes.misconfigured, { cause: error });
  }
}
