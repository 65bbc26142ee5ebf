import { createCertificates, type TestCertificates } from '@holdfast/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { load, loadError, problemPaths } from './load.ts';

describe('TLS', () => {
  const url = { REDIS_URL: 'rediss://h' };
  let certificates: TestCertificates;
  beforeAll(async () => {
    certificates = await createCertificates();
  });
  const messageOf = (env: Readonly<Record<string, string>>): string => loadError({ ...url, ...env }).message;

  it('is on with rediss:, with the certificates of the environment', () => {
    const { ca, client } = certificates;
    const { redis, warnings } = load({
      ...url,
      REDIS_TLS_CA: ca,
      REDIS_TLS_CERT: client.cert,
      REDIS_TLS_KEY: client.key,
      REDIS_TLS_SERVERNAME: 'n',
      REDIS_TLS_REJECT_UNAUTHORIZED: 'false',
    });
    const tls = { ca: `${ca.trim()}\n`, cert: `${client.cert.trim()}\n`, serverName: 'n', rejectUnauthorized: false };
    expect(redis.queue).toMatchObject({ tls });
    expect(warnings.join()).toMatch(/not verified/);
  });

  it('is never silently off', () => {
    const { ca, client } = certificates;
    expect(problemPaths({ REDIS_URL: 'redis://h', REDIS_TLS: 'true' })).toEqual(['REDIS_TLS']);
    expect(problemPaths({ REDIS_URL: 'redis://h', REDIS_TLS_CA: ca })).toEqual(['REDIS_TLS']);
    expect(problemPaths({ ...url, REDIS_TLS_CERT: client.cert })).toEqual(['REDIS_TLS_CERT, REDIS_TLS_KEY']);
  });

  it('reads a backslash and an n as the line break that they stand for', () => {
    const { ca, client } = certificates;
    const oneLine = (pem: string): string => pem.trim().replaceAll(/\r?\n/g, String.raw`\n`);
    const env = { REDIS_TLS_CA: oneLine(ca), REDIS_TLS_CERT: oneLine(client.cert), REDIS_TLS_KEY: oneLine(client.key) };
    const whole = { REDIS_TLS_CA: ca, REDIS_TLS_CERT: client.cert, REDIS_TLS_KEY: client.key };
    const normalized = (from: typeof env) =>
      JSON.stringify(load({ ...url, ...from }).redis).replaceAll(String.raw`\r`, '');
    expect(normalized(env)).toBe(normalized(whole));
  });

  it('takes a chain of certificates, with comments between them', () => {
    const { ca, client } = certificates;
    const chain = `# the client\n${client.cert}\n# its authority\n${ca}`;
    expect(load({ ...url, REDIS_TLS_CERT: chain, REDIS_TLS_KEY: client.key }).redis.queue).toMatchObject({
      tls: { cert: expect.stringContaining('# its authority') },
    });
  });

  it('refuses a key in the place of a certificate, and the other way round', () => {
    const { client } = certificates;
    expect(messageOf({ REDIS_TLS_CA: client.key })).toContain('REDIS_TLS_CA: holds a private key');
    const swapped = messageOf({ REDIS_TLS_CERT: client.key, REDIS_TLS_KEY: client.cert });
    expect(swapped).toContain('REDIS_TLS_CERT: holds a private key');
    expect(swapped).toContain('REDIS_TLS_KEY: holds a certificate');
  });

  it('refuses the key of another certificate, before anything is connected to', () => {
    const { client, server } = certificates;
    const message = messageOf({ REDIS_TLS_CERT: client.cert, REDIS_TLS_KEY: server.key });
    expect(message).toContain('REDIS_TLS_KEY: is not the key of the certificate in REDIS_TLS_CERT');
    for (const line of server.key.split('\n').filter((text) => /^[A-Za-z0-9+/=]{20,}$/.test(text))) {
      expect(message).not.toContain(line);
    }
  });

  it.each([
    ['no PEM at all', 'ca.pem', 'is no complete PEM text'],
    ['one that was cut off', '-----BEGIN CERTIFICATE-----\nMIIB', 'is no complete PEM text'],
    [
      'one that is damaged',
      '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n',
      'damaged certificate (number 1)',
    ],
    ['a public key', '-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n', 'is no certificate'],
  ])('refuses as a certificate %s', (_, pem, problem) => {
    expect(messageOf({ REDIS_TLS_CA: pem })).toMatch(
      new RegExp(`REDIS_TLS_CA: .*${problem.replaceAll(/[()]/g, String.raw`\$&`)}`),
    );
  });

  it('refuses a key that is damaged, or that needs a passphrase', () => {
    const { client } = certificates;
    const withKey = (key: string): string => messageOf({ REDIS_TLS_CERT: client.cert, REDIS_TLS_KEY: key });
    expect(withKey('-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----')).toContain(
      'REDIS_TLS_KEY: is a damaged key',
    );
    expect(withKey('-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----')).toContain(
      'REDIS_TLS_KEY: is encrypted with a passphrase',
    );
  });
});
