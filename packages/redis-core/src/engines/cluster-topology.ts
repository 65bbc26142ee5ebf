import type { Cluster, Redis } from 'ioredis';
import { createHash } from 'node:crypto';
import { UnavailableError } from '../errors.ts';

/** The masters of a cluster as its client knows them now, in an order that is the same in every process. */
export interface Topology {
  /** `host:port` of each master that owns slots. */
  readonly masters: readonly string[];
  /** Another one as soon as a slot has another owner. */
  readonly fingerprint: string;
}

const known = new WeakMap<Cluster, { readonly slots: readonly (string | undefined)[]; readonly topology: Topology }>();

/** Reads the slot table of the client; asks nobody. */
export function topologyOf(cluster: Cluster): Topology {
  const slots = cluster.slots.map((nodes) => nodes?.[0]);
  const before = known.get(cluster);
  if (before !== undefined && sameOwners(before.slots, slots)) return before.topology;
  const owners = new Set(slots.filter((owner) => owner !== undefined));
  const topology = {
    masters: [...owners].sort(),
    fingerprint: createHash('sha1').update(slots.join(',')).digest('base64url').slice(0, 12),
  };
  known.set(cluster, { slots, topology });
  return topology;
}

/**
 * Gives each slot a list of owners of its own. The client has one list for a whole range, and writes the new owner of a single
 * slot, which a redirection names, into it: until it reads the table anew, all the range seems to have moved.
 */
export function separateSlots(cluster: Cluster): void {
  for (const [slot, owners] of cluster.slots.entries()) {
    // Typed as always there, but a slot may have no owner.
    if ((owners as string[] | undefined) !== undefined) cluster.slots[slot] = [...owners];
  }
}

/**
 * The client's connection to a master.
 * @throws UnavailableError when there is none
 */
export function masterAt(cluster: Cluster, address: string): Redis {
  const node = cluster.nodes('master').find((one) => addressOf(one) === address);
  if (node === undefined) throw new UnavailableError(`The node ${address} of the cluster cannot be reached.`);
  return node;
}

/** `host:port`, as in the table of slots. */
export function addressOf({ options }: Redis): string {
  return `${options.host}:${options.port}`;
}

function sameOwners(a: readonly (string | undefined)[], b: readonly (string | undefined)[]): boolean {
  return a.length === b.length && a.every((owner, slot) => owner === b[slot]);
}
