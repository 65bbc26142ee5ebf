import { ValueError } from './errors.ts';
import type { ValueType } from './value-types.ts';

/** What the data folder lies on, which is how long what is in it stays. */
export type DataVolume =
  /** The disk of a machine, or a volume that somebody mounted: it stays until somebody removes it. */
  | { readonly kind: 'disk' }
  /** A volume of the pod (`emptyDir`): it outlives the process and ends with its pod. */
  | { readonly kind: 'ephemeral' }
  /** A volume that a PersistentVolumeClaim holds: it outlives the pod, and is found again by the name of the claim. */
  | { readonly kind: 'claim'; readonly claim: string };

const claimPrefix = 'claim:';
/** The names of Kubernetes (RFC 1123 subdomains). */
const claimName = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;

/** How it is written in HOLDFAST_DATA_VOLUME. */
export const dataVolume: ValueType<DataVolume> = {
  name: 'volume',
  allowed: 'disk, ephemeral, or claim:<name of a PersistentVolumeClaim>',
  printable: true,
  parse: (value) => {
    if (value === 'disk' || value === 'ephemeral') return { kind: value };
    const claim = value.startsWith(claimPrefix) ? value.slice(claimPrefix.length) : '';
    if (!claimName.test(claim)) throw new ValueError('is no volume');
    return { kind: 'claim', claim };
  },
};
