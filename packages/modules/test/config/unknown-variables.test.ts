import { describe, expect, it } from 'vitest';
import { environment, load } from './load.ts';

const warningsOf = (...names: string[]): readonly string[] =>
  load(Object.fromEntries(names.map((name) => [name, '1']))).warnings;

describe('a variable that is nearly one of Holdfast', () => {
  it.each([
    ['WEBHOOK_SECRT', 'WEBHOOK_SECRET'],
    ['WEBHOOK_SERCET', 'WEBHOOK_SECRET'],
    ['WEBHOOK_SECRET_FIEL', 'WEBHOOK_SECRET_FILE'],
    ['WORKER_QUEUS', 'WORKER_QUEUES'],
    ['WORKER_QUEUE', 'WORKER_QUEUES'],
    ['ORKER_QUEUES', 'WORKER_QUEUES'],
    ['NOVITA_API_BASEURL', 'NOVITA_API_BASE_URL'],
    ['UPSTASH_REDIS_REST_ULR', 'UPSTASH_REDIS_REST_URL'],
    ['MAX_CONCURENT_JOBS', 'MAX_CONCURRENT_JOBS'],
    ['HTTP_DELIVERY_ALOW_PRIVATE', 'HTTP_DELIVERY_ALLOW_PRIVATE'],
    ['LOGLEVEL', 'LOG_LEVEL'],
    ['NODE_EVN', 'NODE_ENV'],
    ['REQUEST_TIMEOUT_MS', 'REQUEST_TIMEOUT'],
    ['webhook_secret', 'WEBHOOK_SECRET'],
    ['PRT', 'PORT'],
    ['PROT', 'PORT'],
    ['HSOT', 'HOST'],
  ])('%s is reported, with %s', (name, meant) => {
    expect(warningsOf(name)).toEqual([`${name} is no variable of Holdfast; did you mean ${meant}?`]);
  });

  it('is found when any letter of any longer variable is lost', () => {
    for (const name of Object.keys(environment).filter((known) => known.length >= 8)) {
      for (let at = 0; at < name.length; at += 1) {
        const typo = name.slice(0, at) + name.slice(at + 1);
        if (typo in environment) continue;
        expect([typo, warningsOf(typo)]).toEqual([
          typo,
          [expect.stringMatching(new RegExp(`^${typo} is no variable`))],
        ]);
      }
    }
  });

  it('is one that no file may be given for', () => {
    expect(warningsOf('NOVITA_API_BASE_URL_FILE')).toEqual([
      'NOVITA_API_BASE_URL_FILE is not read, because NOVITA_API_BASE_URL is no secret; set NOVITA_API_BASE_URL itself',
    ]);
  });

  it('is none beside the short one that it is like', () => {
    expect(load({ PORT: '3000', PRT: '1' }).warnings).toEqual([]);
  });
});

describe('what other programs, shells and platforms set', () => {
  const others =
    `PATH HOME PWD OLDPWD USER LOGNAME MAIL LANG LC_ALL LANGUAGE SHELL SHLVL TERM COLORTERM EDITOR VISUAL PAGER TZ TMPDIR
    HOSTNAME HOSTTYPE HOSTS HOSTFILE OSTYPE MACHTYPE POST POSTS PORTS SPORT PORTAGE COST GHOST _ DISPLAY SSH_AUTH_SOCK SSH_CONNECTION
    XDG_RUNTIME_DIR XDG_SESSION_ID DBUS_SESSION_BUS_ADDRESS LS_COLORS LESSOPEN DEBUG CI NO_COLOR FORCE_COLOR
    NODE_VERSION NODE_OPTIONS NODE_PATH NODE_EXTRA_CA_CERTS NODE_NAME NODE_IP NODE_ID NODE_TLS_REJECT_UNAUTHORIZED NODE_PORT NODE_HOST
    YARN_VERSION NPM_CONFIG_LOGLEVEL npm_config_user_agent npm_package_name npm_lifecycle_event INIT_CWD COREPACK_ENABLE_STRICT
    DOCKER_HOST DOCKER_PORT DOCKER_BUILDKIT COMPOSE_PROJECT_NAME CONTAINER_ID
    KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT KUBERNETES_PORT_443_TCP_ADDR POD_NAME POD_IP POD_NAMESPACE
    DATABASE_URL POSTGRES_PASSWORD PGHOST PGPORT PGUSER MYSQL_HOST MONGO_URL RABBITMQ_URL AMQP_URL KAFKA_BROKERS CACHE_DIR CACHE_URL
    HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy SERVER_PORT SERVER_HOST APP_PORT HTTP_PORT HTTPS_PORT WEB_PORT ADMIN_PORT
    WORKER_ID WORKER_NAME WORKER_COUNT WORKER_POOL WORKERS WEB_CONCURRENCY LOG_FORMAT LOG_DIR LOG_PATH LOG_TIME SECRET_KEY
    AWS_REGION AWS_PROFILE AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY GOOGLE_APPLICATION_CREDENTIALS AZURE_CLIENT_ID
    GITHUB_TOKEN GITHUB_REPOSITORY RUNNER_OS GITLAB_CI JENKINS_URL WEBHOOK_ID WEBHOOK_TOKEN SENTRY_DSN
    OTEL_EXPORTER_OTLP_ENDPOINT OTEL_SERVICE_NAME DD_AGENT_HOST SERVICE_NAME DYNO FLY_REGION RAILWAY_ENVIRONMENT VERCEL_ENV
    SYSTEMD_EXEC_PID INVOCATION_ID JOURNAL_STREAM HOLDFAST_BIND HOLDFAST_KEY HOLDFAST_PORT HOLDFAST_VERSION TEST_REDIS_URL MEMORY_LIMIT`.split(
      /\s+/,
    );

  it('is nobody’s typo', () => {
    expect(warningsOf(...others)).toEqual([]);
  });

  it('is a service link where Kubernetes has a service of that name', () => {
    const link = (service: string): Record<string, string> => ({
      [`${service}_SERVICE_HOST`]: '10.0.0.1',
      [`${service}_SERVICE_PORT`]: '6379',
      [`${service}_SERVICE_PORT_HTTP`]: '6379',
      [`${service}_PORT`]: 'tcp://10.0.0.1:6379',
      [`${service}_PORT_6379_TCP`]: 'tcp://10.0.0.1:6379',
      [`${service}_PORT_6379_TCP_ADDR`]: '10.0.0.1',
      [`${service}_PORT_6379_TCP_PROTO`]: 'tcp',
    });
    const { warnings, worker } = load({ ...link('HOLDFAST'), ...link('HOLDFAST_API'), ...link('REDIS_CACHE') });
    expect(warnings).toEqual([]);
    // These two stand where variables of ours do: the link is ignored, and said to be.
    const clashes = load({ ...link('REDIS'), ...link('WORKER'), REDIS_HOST: 'redis' });
    expect(clashes.warnings).toEqual([
      expect.stringContaining('REDIS_PORT looks like a service link'),
      expect.stringContaining('WORKER_PORT looks like a service link'),
    ]);
    expect(clashes.worker.port).toBe(worker.port);
  });
});
