import { fullestMasterField } from '../info.ts';

/** Fields of INFO that mean the same when they are added over the nodes. */
const additive =
  /^(used_memory|used_memory_rss|used_memory_dataset|maxmemory|total_system_memory|connected_clients|maxclients|blocked_clients|tracking_clients|total_connections_received|total_commands_processed|instantaneous_ops_per_sec|rejected_connections|expired_keys|evicted_keys|keyspace_hits|keyspace_misses|total_error_replies|total_net_input_bytes|total_net_output_bytes)$/;

/**
 * One INFO for several nodes: sums of what can be added, and of `db0` too; each eviction policy that there is, separated by
 * commas; how full the fullest is; for the rest the first node speaks.
 */
export function aggregateInfo(nodes: readonly Readonly<Record<string, string>>[]): Readonly<Record<string, string>> {
  const sum: Record<string, string> = { ...nodes[0] };
  const names = new Set(nodes.flatMap((node) => Object.keys(node)));
  for (const name of names) {
    const values = nodes.map((node) => node[name] ?? '');
    if (additive.test(name)) sum[name] = String(values.reduce((total, value) => total + Number(value), 0));
    else if (name === 'maxmemory_policy') sum[name] = [...new Set(values)].join(',');
    else if (/^db\d+$/.test(name)) sum[name] = addKeyspaces(values);
  }
  const fullness = nodes.map(fullnessOf).filter((part) => part !== undefined);
  const fullest = fullness.length === 0 ? {} : { [fullestMasterField]: String(Math.max(...fullness)) };
  return { ...sum, ...fullest, cluster_masters: String(nodes.length) };
}

/** `undefined` for a node without a limit: a sum would hide one that is full behind others that are empty. */
function fullnessOf({ used_memory: used, maxmemory: max }: Readonly<Record<string, string>>): number | undefined {
  const part = Number(used) / Number(max);
  return Number.isFinite(part) ? part : undefined;
}

/** `keys=1,expires=0,avg_ttl=0`: keys and those that expire are added, the average is weighed by the latter. */
function addKeyspaces(values: readonly string[]): string {
  let keys = 0;
  let expires = 0;
  let ttlSum = 0;
  for (const value of values) {
    const fields = Object.fromEntries(value.split(',').map((field) => field.split('=')));
    keys += Number(fields['keys'] ?? 0);
    expires += Number(fields['expires'] ?? 0);
    ttlSum += Number(fields['expires'] ?? 0) * Number(fields['avg_ttl'] ?? 0);
  }
  return `keys=${keys},expires=${expires},avg_ttl=${expires === 0 ? 0 : Math.round(ttlSum / expires)}`;
}
