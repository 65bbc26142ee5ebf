import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { leash } from './leash.ts';
import { freePort } from './ports.ts';
import { type RedisServer, startRedis } from './redis-server.ts';

export interface Certificate {
  /** PEM. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
}

export interface TestCertificates {
  /** PEM of the authority that signed the two others. */
  readonly ca: string;
  readonly server: Certificate;
  readonly client: Certificate;
}

export interface TlsRedis {
  readonly host: string;
  /** Speaks TLS only. */
  readonly port: number;
  /** The only name in the server's certificate: an address alone does not verify. */
  readonly serverName: string;
  readonly certificates: TestCertificates;
  /** The process behind it, reachable without TLS too, for looking at it. */
  readonly server: RedisServer;
  stop(): Promise<void>;
}

const SERVER_NAME = 'redis.holdfast.test';

/** A certificate authority of one day, with a certificate for a server and one for a client. */
export async function createCertificates(serverName = SERVER_NAME): Promise<TestCertificates> {
  const authority = await generate([{ name: 'commonName', value: 'Holdfast test authority' }], {
    algorithm: 'sha256',
    keyType: 'ec',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, digitalSignature: true, critical: true },
    ],
  });
  const issue = async (name: string): Promise<Certificate> => {
    const issued = await generate([{ name: 'commonName', value: name }], {
      algorithm: 'sha256',
      keyType: 'ec',
      ca: { key: authority.private, cert: authority.cert },
      extensions: [
        { name: 'basicConstraints', cA: false },
        { name: 'keyUsage', digitalSignature: true },
        { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
        { name: 'subjectAltName', altNames: [{ type: 2, value: name }] },
      ],
    });
    return { cert: issued.cert, key: issued.private };
  };
  const [server, client] = await Promise.all([issue(serverName), issue('client.holdfast.test')]);
  return { ca: authority.cert, server, client };
}

/** Starts a Redis whose certificate is made for it, and which demands one of its client unless `clientCertificate` is false. */
export async function startTlsRedis(options: { readonly clientCertificate?: boolean } = {}): Promise<TlsRedis> {
  const certificates = await createCertificates();
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-tls-'));
  const release = leash({ directory });
  const write = (name: string, text: string): string => {
    const file = join(directory, name);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  };
  const port = await freePort();
  const server = await startRedis({
    args: Object.entries({
      '--tls-port': String(port),
      '--tls-ca-cert-file': write('ca.pem', certificates.ca),
      '--tls-cert-file': write('server.pem', certificates.server.cert),
      '--tls-key-file': write('server.key', certificates.server.key),
      '--tls-auth-clients': options.clientCertificate === false ? 'no' : 'yes',
    }).flat(),
  });
  return {
    host: server.host,
    port,
    serverName: SERVER_NAME,
    certificates,
    server,
    async stop() {
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
      release();
    },
  };
}
