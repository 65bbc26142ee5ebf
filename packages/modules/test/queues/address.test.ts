import { startReceiver, type Receiver } from '@holdfast/testing';
import type * as dns from 'node:dns';
import type { LookupAddress } from 'node:dns';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { AddressRefusedError, isPublicAddress, refusePrivateLiteral } from '../../src/queues/delivery/address.ts';
import { Deliverer } from '../../src/queues/delivery/deliver.ts';

// The one thing that is not real: what names resolve to. No test can put a public name onto a private address.
const zone = new Map<string, readonly string[] | (() => readonly string[])>();
vi.mock('node:dns', async (importOriginal) => {
  const real = await importOriginal<typeof dns>();
  const answer = (
    name: string,
    options: { all: true },
    callback: (error: NodeJS.ErrnoException | null, found: LookupAddress[]) => void,
  ): void => {
    const known = zone.get(name);
    const addresses = typeof known === 'function' ? known() : known;
    if (addresses === undefined) return real.lookup(name, options, callback);
    const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    setImmediate(callback, null, found);
  };
  return { ...real, lookup: answer };
});

/** Ways to write, or to hide, an address that is not of the public Internet. */
const privateHosts = [
  '127.0.0.1',
  '127.0.0.1.',
  '127.1',
  '2130706433',
  '0x7f000001',
  '0x7f.1',
  '0177.0.0.1',
  '017700000001',
  '１２７。0。0。1',
  '%31%32%37.0.0.1',
  'localhost',
  'LOCALHOST',
  '0.0.0.0',
  '0',
  '10.0.0.1',
  '172.16.0.1',
  '192.168.1.1',
  '100.64.0.1',
  '169.254.169.254',
  '192.0.0.1',
  '198.18.0.1',
  '203.0.113.1',
  '224.0.0.1',
  '255.255.255.255',
  '[::]',
  '[::1]',
  '[0:0:0:0:0:0:0:1]',
  '[::127.0.0.1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[::ffff:0:127.0.0.1]',
  '[::ffff:169.254.169.254]',
  '[64:ff9b::7f00:1]',
  '[64:ff9b:1::7f00:1]',
  '[2002:7f00:1::]',
  '[2002:a9fe:a9fe::]',
  '[2001:0:7f00:1::]',
  '[fc00::1]',
  '[fd00::1]',
  '[fd00:ec2::254]',
  '[fe80::1]',
  '[fec0::1]',
  '[ff02::1]',
  '[100::1]',
  '[2001:db8::1]',
  '[4000::1]',
];

describe('deliveries that may not reach private addresses', () => {
  const deliverer = new Deliverer({ allowPrivate: false });
  let receiver: Receiver;
  beforeAll(async () => {
    receiver = await startReceiver();
  });
  beforeEach(() => receiver.reset());
  afterAll(async () => {
    await deliverer.close();
    await receiver.close();
  });

  const send = async (host: string): Promise<unknown> =>
    deliverer.send({
      url: `http://${host}:${receiver.port}/`,
      method: 'POST',
      headers: {},
      timeoutMs: 5000,
      signal: new AbortController().signal,
    });

  it.each(privateHosts)('refuse http://%s', async (host) => {
    await expect(send(host)).rejects.toThrow(AddressRefusedError);
    expect(receiver.connections).toBe(0);
  });

  it.each([
    ['a private address', ['10.0.0.1']],
    ['loopback', ['127.0.0.1']],
    ['loopback in IPv6', ['::1']],
    ['a mapped one', ['::ffff:127.0.0.1']],
    ['a public and a private one', ['8.8.8.8', '127.0.0.1']],
    ['nothing', []],
  ])('refuse a name that resolves to %s', async (_what, addresses) => {
    zone.set('rebound.example', addresses);
    await expect(send('rebound.example')).rejects.toThrow(AddressRefusedError);
    expect(receiver.connections).toBe(0);
  });

  it('connect to the address that was checked, whatever the name resolves to a moment later', async () => {
    let lookups = 0;
    // Public when it is checked, loopback whenever anybody asks again.
    zone.set('rebinding.example', () => (++lookups === 1 ? ['192.88.98.1'] : ['127.0.0.1']));
    const attempt = deliverer.send({
      url: `http://rebinding.example:${receiver.port}/`,
      method: 'POST',
      headers: {},
      timeoutMs: 300,
      signal: new AbortController().signal,
    });
    // Nobody is there, which is not to say that it was refused.
    await expect(attempt).rejects.not.toThrow(AddressRefusedError);
    expect(lookups).toBe(1);
    await expect(send('rebinding.example')).rejects.toThrow(AddressRefusedError);
    expect(lookups).toBe(2);
    expect(receiver.connections).toBe(0);
  });

  it.each(['[fe80::1%25lo]', '[::1%25lo]', '[fe80::1%lo]', '127.0.0.1%00', 'ⓛⓞⓒⓐⓛⓗⓞⓢⓣ.', 'localhost.'])(
    'never reach http://%s',
    async (host) => {
      await expect(send(host)).rejects.toThrow();
      expect(receiver.connections).toBe(0);
    },
  );

  it('tell a name that does not exist from one that is refused', async () => {
    await expect(send('does-not-exist.invalid')).rejects.toThrow(/ENOTFOUND|EAI_AGAIN/);
  });

  it('reach a loopback address once that is allowed', async () => {
    const allowed = new Deliverer({ allowPrivate: true });
    const url = `http://localhost:${receiver.port}/`;
    const { signal } = new AbortController();
    const answer = await allowed.send({ url, method: 'GET', headers: {}, timeoutMs: 5000, signal });
    expect(answer.status).toBe(204);
    await allowed.close();
  });
});

describe('isPublicAddress', () => {
  it.each([
    '8.8.8.8',
    '1.1.1.1',
    '172.32.0.1',
    '100.128.0.1',
    '2606:4700::1111',
    '2a00:1450:4001::1',
    '::ffff:8.8.8.8',
  ])('is true for %s', (address) => {
    expect(isPublicAddress(address)).toBe(true);
    expect(() => refusePrivateLiteral(address.includes(':') ? `[${address}]` : address)).not.toThrow();
  });

  it('is false for whatever is no address', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        fc.pre(!/^[0-9a-fx.]+$|:/i.test(text));
        expect(isPublicAddress(text)).toBe(false);
      }),
    );
  });

  it('is false for every embedding of an IPv4 address but the mapped one, and there as for the address itself', () => {
    const octet = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(fc.tuple(octet, octet, octet, octet), ([a, b, c, d]) => {
        const dotted = `${a}.${b}.${c}.${d}`;
        const hex = `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
        for (const embedded of [`::${hex}`, `64:ff9b::${dotted}`, `2002:${hex}::1`, `::ffff:0:${dotted}`]) {
          expect(isPublicAddress(embedded), embedded).toBe(false);
        }
        expect(isPublicAddress(`::ffff:${dotted}`)).toBe(isPublicAddress(dotted));
      }),
    );
  });
});
