import { describe, expect, it } from 'vitest';
import { loadConfig } from '@holdfast/config';
import { files, load, loadError, parts } from './load.ts';

const secretOf = (bytes: number): string =>
  `whsec_${Buffer.from(Array.from({ length: bytes }, (_, at) => at)).toString('base64')}`;

describe('a webhook secret', () => {
  it.each([24, 25, 32, 64])('has %i bytes behind whsec_', (bytes) => {
    expect(load({ WEBHOOK_SECRET: secretOf(bytes) }).queues.httpDelivery.webhookSecrets).toEqual([secretOf(bytes)]);
  });

  it('may be two while receivers change over, the newest first', () => {
    const env = { WEBHOOK_SECRET: secretOf(32), WEBHOOK_SECRET_PREVIOUS: secretOf(24) };
    expect(load(env).queues.httpDelivery.webhookSecrets).toEqual([secretOf(32), secretOf(24)]);
  });

  it.each([
    // It was taken, and signed with an empty key.
    ['whsec_!!!', 'is not base64'],
    ['whsec_', 'is not base64'],
    [`"${secretOf(32)}"`, 'stands in quotes'],
    [`'${secretOf(32)}'`, 'stands in quotes'],
    [`v1,${secretOf(32)}`, 'starts with "v1,"'],
    [secretOf(32).slice('whsec_'.length), 'does not start with whsec_'],
    ['a secret of more than 16 characters', 'does not start with whsec_'],
    [` ${secretOf(32)}`, 'does not start with whsec_'],
    [`${secretOf(32)} `, 'is not base64'],
    [secretOf(25).replaceAll('=', ''), 'is not base64'],
    [`whsec_${Buffer.alloc(32, 251).toString('base64url')}`, 'is not base64'],
    [`whsec_${Buffer.alloc(32, 'change-me').toString('base64')}`, 'is a placeholder'],
    [`whsec_${Buffer.alloc(32).toString('base64')}`, 'is a placeholder'],
    ['whsec_change-me', 'is a placeholder'],
    // The ones that the documents of the standard show.
    ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'is a placeholder'],
    [secretOf(23), 'is too short'],
    [secretOf(65), 'is too long'],
  ])('is refused as %s', (value, problem) => {
    for (const name of ['WEBHOOK_SECRET', 'WEBHOOK_SECRET_PREVIOUS']) {
      const { message } = loadError({ [name]: value });
      expect(message).toContain(`${name}: ${problem}`);
      expect(message).toContain('openssl rand -base64 32');
      expect(message).not.toContain(value.padEnd(8));
    }
  });

  it('is as strict where only holdfast.yaml names it, and the name is no typo then', () => {
    const yaml = 'queues:\n  q:\n    url: http://h/\n    secrets: [WEBHOOK_SECRET_A]\n';
    expect(loadError({ WEBHOOK_SECRET_A: 'whsec_!!!' }, yaml).message).toContain('WEBHOOK_SECRET_A: is not base64');
    expect(load({ WEBHOOK_SECRET_A: secretOf(32) }, yaml).warnings).toEqual([]);
  });
});

describe('a token that goes into a header', () => {
  const rest = { UPSTASH_REDIS_REST_URL: 'https://h' };
  it.each([
    ['line\nbreak', 'holds a line break'],
    ['two words', 'holds white space'],
    ['Bearer abc', 'holds white space'],
    ['"quoted"', 'stands in quotes'],
    ['schlüssel', 'holds a character that no HTTP header may carry'],
    ['abc\u0000', 'holds a character that no HTTP header may carry'],
  ])('is refused as %j', (value, problem) => {
    const upstream = loadError({ NOVITA_API_BASE_URL: 'https://h', NOVITA_API_KEY: value }).message;
    expect(upstream).toContain(`NOVITA_API_KEY: ${problem}`);
    expect(upstream).not.toContain(value);
    expect(loadError({ ...rest, UPSTASH_REDIS_REST_TOKEN: value }).message).toContain(
      `UPSTASH_REDIS_REST_TOKEN: ${problem}`,
    );
    expect(loadError({ ...rest, REDIS_REST_TOKEN: value }).message).toContain(`REDIS_REST_TOKEN: ${problem}`);
  });
});

describe('a password', () => {
  it('has no line break, which a Secret that was made of a file often has at its end', () => {
    const redis = { REDIS_URL: 'redis://h', REDIS_SENTINEL_NAME: 'm' };
    expect(loadError({ ...redis, REDIS_PASSWORD: 'pw\n' }).message).toContain('REDIS_PASSWORD: holds a line break');
    const sentinel = { REDIS_SENTINELS: 'h', REDIS_SENTINEL_PASSWORD: 'pw\r\n' };
    expect(loadError(sentinel).message).toContain('REDIS_SENTINEL_PASSWORD: holds a line break');
  });

  it('may stand in quotes, which are probably not meant', () => {
    const { warnings, redis } = load({ REDIS_URL: 'redis://h', REDIS_PASSWORD: '"pw"' });
    expect(warnings).toEqual(['REDIS_PASSWORD stands in quotes, which are taken for a part of it']);
    expect(redis.queue).toMatchObject({ password: '"pw"' });
  });
});

describe('the file of a secret', () => {
  const loadFile = (text: string, name = 'NOVITA_API_KEY') =>
    loadConfig({
      parts,
      env: { NOVITA_API_BASE_URL: 'https://h', [`${name}_FILE`]: '/secret' },
      cwd: '/app',
      readFile: files({ '/secret': text }),
    });

  it.each(['key', 'key\n', 'key\r\n\r\n', '\uFEFFkey', '\uFEFFkey\r\n'])('may be written as %j', (text) => {
    expect(loadFile(text).sources.upstream.apiKey).toBe('key');
  });

  it('is empty when there is nothing but what editors add', () => {
    expect(() => loadFile('\uFEFF\r\n')).toThrow('NOVITA_API_KEY_FILE: the file /secret is empty');
  });

  it('is named when what is in it is wrong', () => {
    expect(() => loadFile('two\nlines\n')).toThrow('NOVITA_API_KEY_FILE: holds a line break');
    expect(() => loadFile('whsec_!!!\n', 'WEBHOOK_SECRET')).toThrow('WEBHOOK_SECRET_FILE: is not base64');
  });
});

describe('a value that was never replaced', () => {
  const env = { REDIS_URL: 'redis://:change-me@h', NOVITA_API_BASE_URL: 'https://h', NOVITA_API_KEY: 'change-me' };

  it('is warned about in production, without being shown', () => {
    const { warnings } = load({ ...env, NODE_ENV: 'production' });
    expect(warnings).toEqual([
      'REDIS_URL still holds the placeholder of an example',
      'NOVITA_API_KEY still holds the placeholder of an example',
    ]);
    expect(load(env).warnings).toEqual([]);
  });
});
