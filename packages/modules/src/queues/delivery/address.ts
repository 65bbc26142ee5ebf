import { lookup as dnsLookup, type LookupAddress, type LookupOptions } from 'node:dns';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

/** The host of a delivery is, or resolves to, an address that jobs may not reach. */
export class AddressRefusedError extends Error {
  readonly code = 'ADDRESS_REFUSED';

  constructor(host: string) {
    super(
      `Deliveries to ${host} are refused: it is not a public address. Set HTTP_DELIVERY_ALLOW_PRIVATE=true to allow it.`,
    );
    this.name = 'AddressRefusedError';
  }
}

/** All that IANA has given out of IPv6 so far. What embeds IPv4 outside of it (`::127.0.0.1`) is not known to be public. */
const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * Whether an IP address is one of the public Internet, whatever notation or embedding it comes in. NAT64, 6to4 and
 * Teredo addresses are not, whatever they embed: a gateway could lead them back inside.
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  // `process` unwraps IPv4-mapped IPv6 addresses (::ffff:127.0.0.1).
  const parsed = ipaddr.process(address);
  if (parsed.range() !== 'unicast') return false;
  return parsed instanceof ipaddr.IPv4 || parsed.match(globalUnicast);
}

/**
 * Refuses a host that is written as an address and is not public. A URL has normalised every notation of IPv4
 * (0x7f000001, 2130706433, 127.1); IPv6 stands in brackets. Names pass: `publicLookup` decides on what they resolve to.
 * @throws AddressRefusedError
 */
export function refusePrivateLiteral(hostname: string): void {
  const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  if (ipaddr.isValid(bare) && !isPublicAddress(bare)) throw new AddressRefusedError(hostname);
}

/**
 * A lookup for sockets that yields public addresses only. It is the one that connects, so the address that was checked
 * is the address that is used, whatever the name resolves to a moment later (DNS rebinding).
 */
export const publicLookup: LookupFunction = (hostname, options, callback) => {
  resolveAll(hostname, options, (error, addresses) => {
    if (error !== null) {
      callback(error, []);
      return;
    }
    const refused = addresses.some(({ address }) => !isPublicAddress(address));
    const [first] = addresses;
    if (refused || first === undefined) callback(new AddressRefusedError(hostname), []);
    else if (options.all === true) callback(null, addresses);
    else callback(null, first.address, first.family);
  });
};

function resolveAll(
  hostname: string,
  options: LookupOptions,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
): void {
  dnsLookup(hostname, { ...options, all: true }, callback);
}
