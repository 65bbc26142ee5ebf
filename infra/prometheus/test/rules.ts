import { readFileSync } from 'node:fs';
import { parser } from '@prometheus-io/lezer-promql';
import { parse } from 'yaml';

export const folder: URL = new URL('../', import.meta.url);
const root = new URL('../../', folder);

export interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook: string };
}

export function readText(path: string): string {
  return readFileSync(new URL(path, root), 'utf8');
}

export function alerts(): Alert[] {
  const { groups } = parse(readText('infra/prometheus/holdfast.rules.yaml')) as { groups: { rules: Alert[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

/** What an expression says, as the grammar of Prometheus reads it. */
export interface Expression {
  /** Names of metrics, with the labels that are matched or grouped by anywhere in the expression. */
  readonly metrics: string[];
  readonly labels: string[];
  /** `label="value"`, with each alternative of a regular expression on its own. */
  readonly values: [label: string, value: string][];
  /** The labels of each `by (…)` and `on (…)`. */
  readonly groupings: string[][];
  /** Where it is no expression, as positions in its text. */
  readonly errors: number[];
}

export function readExpression(text: string): Expression {
  const found: Expression = { metrics: [], labels: [], values: [], groupings: [], errors: [] };
  let label = '';
  parser.parse(text).iterate({
    enter({ name, type, from, to, node }) {
      const part = text.slice(from, to);
      if (type.isError) found.errors.push(from);
      if (name === 'Identifier') found.metrics.push(part);
      if (name === 'LabelName') {
        label = part;
        found.labels.push(part);
      }
      if (name === 'GroupingLabels') found.groupings.push(part.match(/\w+/g) ?? []);
      // Others are arguments of a function.
      if (name === 'StringLiteral' && node.parent?.name.endsWith('Matcher') === true) {
        for (const value of part.slice(1, -1).split('|')) found.values.push([label, value]);
      }
    },
  });
  return found;
}

/** The rows of docs/reference/metrics.md: the labels of each metric, and all that is said of it. */
export function documentedMetrics(): Map<string, { readonly labels: readonly string[]; readonly text: string }> {
  const rows = readText('docs/reference/metrics.md').matchAll(/^\| `([a-z0-9_]+)` \| \w+ \| ([^|]*) \|(.*)$/gm);
  return new Map(
    [...rows].map(([, name = '', labels = '', text = '']) => [
      name,
      { labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label), text },
    ]),
  );
}

/** The alerts that the tests of `promtool` expect to fire in some case. */
export function alertsThatFire(): Set<string> {
  const { tests } = parse(readText('infra/prometheus/holdfast.rules.test.yaml')) as {
    tests: { alert_rule_test: { alertname: string; exp_alerts?: unknown[] }[] }[];
  };
  const cases = tests.flatMap(({ alert_rule_test: all }) => all);
  return new Set(cases.filter(({ exp_alerts: fired = [] }) => fired.length > 0).map(({ alertname }) => alertname));
}
