import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import {
  closedPort,
  eventually,
  PlainRedis,
  startRedis,
  startTlsRedis,
  type RedisServer,
  type TlsRedis,
} from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { RedisAvailabilityEvent } from '../src/channels.ts';
import { createEngine, isAccessRefused, type RedisEngine, type RedisTarget } from '../src/index.ts';

/** In none of the sentences, in whatever form. */
const password = 'p@ss/w:rd';
const patient = { timeoutMs: 60_000 };

const engines: RedisEngine[] = [];
afterEach(async () => {
  await Promise.all(engines.splice(0).map((engine) => engine.close()));
});

function connect(target: RedisTarget, ownKey?: string): RedisEngine {
  const engine = createEngine({
    name: 'faulty',
    target,
    connectionTimeoutMs: 500,
    ...(ownKey === undefined ? {} : { ownKey }),
  });
  engines.push(engine);
  return engine;
}

/** Waits until the engine knows why it cannot connect. */
async function faultOf(engine: RedisEngine, kind: string | RegExp): Promise<string> {
  return eventually(() => {
    const { available, fault, reason = '', neverConnected } = engine.status;
    expect({ available, fault, neverConnected }).toEqual({
      available: false,
      fault: expect.stringMatching(kind) as unknown,
      neverConnected: true,
    });
    expect(reason).not.toContain(password);
    expect(reason).not.toContain(encodeURIComponent(password));
    expect(reason).not.toMatch(/[\r\n]/);
    return reason;
  }, patient);
}

const at = (port: number, more: object = {}): RedisTarget => ({
  kind: 'standalone',
  host: '127.0.0.1',
  port,
  password,
  ...more,
});

describe('what keeps a connection from being made is said in a sentence with the address', () => {
  const servers: Server[] = [];
  let tls: TlsRedis;
  beforeAll(async () => {
    tls = await startTlsRedis({ clientCertificate: false });
  });
  afterAll(async () => {
    for (const server of servers) server.close();
    await tls.stop();
  });

  /** A server that is no Redis: what it does with each connection. */
  async function server(onSocket: (socket: Socket) => void): Promise<number> {
    const other = createServer((socket) => {
      socket.on('error', () => undefined);
      onSocket(socket);
    }).listen(0, '127.0.0.1');
    servers.push(other);
    await once(other, 'listening');
    return (other.address() as AddressInfo).port;
  }

  async function httpServer(): Promise<number> {
    const http = createHttpServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1');
    servers.push(http);
    await once(http, 'listening');
    return (http.address() as AddressInfo).port;
  }

  it('where nothing listens', async () => {
    const port = await closedPort();
    expect(await faultOf(connect(at(port)), 'refused')).toBe(
      `nothing listens at redis://127.0.0.1:${port} (ECONNREFUSED): start Redis there, or correct the address`,
    );
  });

  it('where the name does not resolve', async () => {
    const engine = connect(at(6379, { host: 'redis.invalid' }));
    expect(await faultOf(engine, 'unresolved')).toMatch(/redis:\/\/redis\.invalid:6379 cannot be resolved/);
  });

  it('where what listens never answers', async () => {
    const port = await server(() => undefined);
    expect(await faultOf(connect(at(port)), 'silent')).toMatch(`redis://127.0.0.1:${port} does not answer`);
  });

  it('where what listens closes at once', async () => {
    const port = await server((socket) => socket.destroy());
    expect(await faultOf(connect(at(port)), 'closed')).toMatch(/it may speak TLS \(rediss:\/\/\), or be no Redis/);
  });

  it('where it is an HTTP server, or one that greets', async () => {
    const [http, greeting] = await Promise.all([httpServer(), server((socket) => socket.write('220 mail ESMTP\r\n'))]);
    expect(await faultOf(connect(at(http)), 'not-redis')).toMatch(
      `what answers at redis://127.0.0.1:${http} is no Redis`,
    );
    await faultOf(connect(at(greeting)), 'not-redis');
  });

  // A Redis of 2018 answers with the arguments of the command that it does not know, and so with the password.
  it('where it is a Redis that is too old, without the arguments that it repeats', async () => {
    const port = await server((socket) => {
      socket.on('data', (bytes) => {
        const args = [...bytes.toString().matchAll(/\$\d+\r\n(.*)\r\n/g)].map(([, arg]) => arg);
        const [name, ...others] = args;
        const list = others.map((arg) => `\`${arg}\``).join(', ');
        socket.write(`-ERR unknown command \`${name}\`, with args beginning with: ${list}, \r\n`);
      });
    });
    expect(await faultOf(connect(at(port)), 'too-old')).toMatch(/needs Redis 6 or newer$/);
  });

  it('where it speaks TLS and was not expected to', async () => {
    expect(await faultOf(connect(at(tls.port)), 'closed')).toMatch(/it may speak TLS/);
  });

  it('where it was expected to and does not', async () => {
    const reason = await faultOf(connect(at(tls.server.port, { tls: {} })), 'silent');
    expect(reason).toMatch(/rediss:\/\/127\.0\.0\.1:\d+ does not answer .* a Redis that speaks TLS/);
    expect(await faultOf(connect(at(await httpServer(), { tls: {} })), 'no-tls')).toMatch(/does not speak TLS/);
  });

  it('where the sentinels, or the nodes of a cluster, are not there', async () => {
    const nobody = [{ host: '127.0.0.1', port: await closedPort() }];
    const master = connect({ kind: 'sentinel', masterName: 'main', sentinels: nobody, password });
    expect(await faultOf(master, /^(closed|silent)$/)).toMatch(
      /^the sentinels lead to no redis:\/\/main \(of the sentinels 127/,
    );
    const cluster = connect({ kind: 'cluster', nodes: nobody, password });
    expect(await faultOf(cluster, /^(closed|silent)$/)).toMatch(
      /^no node of the cluster redis:\/\/127\.0\.0\.1:\d+ can be reached/,
    );
  });

  it('where its certificate is of an authority that nobody knows, or for another name', async () => {
    expect(await faultOf(connect(at(tls.port, { tls: {} })), 'certificate')).toMatch(/self-signed certificate/);
    const { ca } = tls.certificates;
    expect(await faultOf(connect(at(tls.port, { tls: { ca } })), 'certificate')).toMatch(/altnames/);
  });
});

describe('a Redis that', () => {
  it('takes no more clients is named as one', async () => {
    const redis = await startRedis();
    try {
      const holder = await PlainRedis.connect(redis.url);
      await holder.send('CONFIG', 'SET', 'maxclients', '1');
      const engine = connect({ kind: 'standalone', host: redis.host, port: redis.port, password }, 'holdfast:probe');
      expect(await faultOf(engine, 'full')).toMatch(/takes no more clients .*: raise its maxclients/);
      const other = connect({ kind: 'standalone', host: redis.host, port: redis.port });
      await faultOf(other, 'full');
      await holder.send('CONFIG', 'SET', 'maxclients', '100');
      await eventually(() => expect(other.status.available).toBe(true), patient);
      holder.close();
    } finally {
      await redis.stop();
    }
  });

  it('wants the certificate of its clients is not called silent where that and its key do not fit', async () => {
    const tls = await startTlsRedis();
    try {
      const { ca, client, server } = tls.certificates;
      const options = { ca, serverName: tls.serverName };
      const wrongKey = connect(
        at(tls.port, { password: undefined, tls: { ...options, cert: client.cert, key: server.key } }),
      );
      expect(await faultOf(wrongKey, 'certificate')).toMatch(/key/i);
      const noKey = connect(
        at(tls.port, { password: undefined, tls: { ...options, cert: client.cert, key: 'no key' } }),
      );
      await faultOf(noKey, 'certificate');
      const without = connect(at(tls.port, { password: undefined, tls: options }));
      await faultOf(without, 'certificate');
    } finally {
      await tls.stop();
    }
  });
});

describe('a Redis that refuses access', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis({ args: ['--requirepass', 'right'] });
    await redis.command('ACL', 'SETUSER', 'nobody', 'on', `>${password}`);
    await redis.command('ACL', 'SETUSER', 'keyless', 'on', `>${password}`, '+@all');
  });
  afterAll(() => redis.stop());

  const target = (more: object): RedisTarget => ({ kind: 'standalone', host: redis.host, port: redis.port, ...more });

  it.each([
    ['that wants a password', 'password-wanted', {}, /wants a password, and none is configured/],
    ['that has another password', 'password-refused', { password }, /refuses the configured user or password/],
    ['that does not know the user', 'password-refused', { username: 'bob', password }, /refuses/],
    ['whose rules forbid the user everything', 'forbidden', { username: 'nobody', password }, /NOPERM/],
    ['whose rules forbid the user the keys', 'forbidden', { username: 'keyless', password }, /NOPERM/],
  ])('%s is named as one', async (_, kind, credentials, sentence) => {
    const engine = connect(target(credentials), 'holdfast:probe');
    expect(await faultOf(engine, kind)).toMatch(sentence);
    expect(isAccessRefused(engine.status.fault)).toBe(true);
    await expect(engine.get('key')).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE', status: 503 });
  });

  it('is named as one in a cluster, too', async () => {
    const cluster = connect({ kind: 'cluster', nodes: [{ host: redis.host, port: redis.port }], password });
    expect(await faultOf(cluster, 'password-refused')).toMatch(/^the cluster redis:.* refuses the configured user/);
  });

  it('is connected to as soon as it lets the user in', async () => {
    const engine = connect(target({ username: 'late', password }), 'holdfast:probe');
    await faultOf(engine, 'password-refused');
    await redis.command('ACL', 'SETUSER', 'late', 'on', `>${password}`);
    await faultOf(engine, 'forbidden');
    await redis.command('ACL', 'SETUSER', 'late', '+@all', '~*', '&*');
    await eventually(() => expect(engine.status).toEqual({ available: true, breaker: 'closed' }), patient);
  });

  it('is not left again once it has let the user in, if the connection was cut before it was tried again', async () => {
    await redis.command('ACL', 'SETUSER', 'cut', 'on', `>${password}`, '+@all');
    const engine = connect(target({ username: 'cut', password }), 'holdfast:probe');
    await faultOf(engine, 'forbidden');
    await redis.command('ACL', 'SETUSER', 'cut', '~*', '&*');
    await redis.command('CLIENT', 'KILL', 'USER', 'cut');
    await eventually(() => expect(engine.status.available).toBe(true), patient);
    const changes: boolean[] = [];
    engine.onAvailability((available) => changes.push(available));
    const start = await engine.time();
    // It would have been tried again after a second.
    await eventually(async () => expect(await engine.time()).toBeGreaterThan(start + 1500), patient);
    expect(changes).toEqual([]);
  });

  it('is told of once for each reason, however often it is tried', async () => {
    const told: string[] = [];
    const listen = (event: unknown): void => {
      const { connection, available, fault } = event as RedisAvailabilityEvent;
      if (connection === 'told') told.push(available ? 'available' : (fault ?? '?'));
    };
    subscribe('holdfast:redis:availability', listen);
    try {
      const other = await startRedis({ args: ['--requirepass', 'right'] });
      const engine = createEngine({
        name: 'told',
        target: { kind: 'standalone', host: other.host, port: other.port, password },
      });
      engines.push(engine);
      await faultOf(engine, 'password-refused');
      const refusals = async (): Promise<number> =>
        Number(/errorstat_WRONGPASS:count=(\d+)/.exec(String(await other.command('INFO', 'errorstats')))?.[1]);
      await eventually(async () => expect(await refusals()).toBeGreaterThan(3), patient);
      expect(told).toEqual(['password-refused']);
      await other.kill();
      await eventually(() => expect(told).toEqual(['password-refused', 'refused']), patient);
      await other.stop();
    } finally {
      unsubscribe('holdfast:redis:availability', listen);
    }
  });

  it('is not called a permission that a single command lacks', async () => {
    await redis.command('ACL', 'SETUSER', 'reader', 'on', `>${password}`, '+@all', '-set', '~*', '&*');
    const engine = connect(target({ username: 'reader', password }), 'holdfast:probe');
    await eventually(() => expect(engine.status.available).toBe(true), patient);
    await expect(engine.set('key', 'value')).rejects.toMatchObject({ code: 'REDIS_ACCESS_REFUSED', status: 503 });
    expect(engine.status.available).toBe(true);
  });
});
