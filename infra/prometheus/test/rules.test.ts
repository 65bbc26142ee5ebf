import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { alerts, alertsThatFire, documentedMetrics, folder, readExpression, readText } from './rules.ts';

const metrics = documentedMetrics();
/** Whether the one who scrapes has answered. Prometheus itself adds it. */
const ofPrometheus = new Set(['up']);
/** What Prometheus calls what it scrapes: the target and its place; and the bound of a bucket. */
const labelsOfTargets = ['instance', 'job', 'namespace', 'le'];
const fires = alertsThatFire();
/** A histogram is asked for by its parts. */
const documented = (name: string) => metrics.get(name) ?? metrics.get(name.replace(/_(bucket|sum|count)$/, ''));

describe.each(alerts().map((alert) => [alert.alert, alert] as const))('%s', (name, alert) => {
  const { metrics: named, labels, values, groupings, errors } = readExpression(alert.expr);

  it('is an expression of Prometheus', () => {
    expect(errors).toEqual([]);
    expect(named.length).toBeGreaterThan(0);
  });

  it('asks for metrics, labels and values that there are', () => {
    expect(named.filter((metric) => documented(metric) === undefined && !ofPrometheus.has(metric))).toEqual([]);
    const own = named.flatMap((metric) => documented(metric)?.labels ?? []);
    // Where the target has a label of the same name, Prometheus renames ours.
    const known = new Set([...labelsOfTargets, ...own, ...own.map((label) => `exported_${label}`)]);
    expect(labels.filter((label) => !known.has(label))).toEqual([]);
    const page = readText('docs/reference/metrics.md');
    // Routes are held to those that there are by a test of the API.
    const listed = values.filter(([label]) => label !== 'status' && label !== 'route');
    expect(listed.filter(([, value]) => !page.includes(`\`${value}\``))).toEqual([]);
  });

  it('keeps installations apart: what it joins or sums up is of one namespace and one job', () => {
    // A worker that was never there has no job: what is asked is whether the namespace of an API has one.
    const needed = name === 'HoldfastMissing' ? ['namespace'] : ['namespace', 'job'];
    expect(groupings.filter((grouping) => !needed.every((label) => grouping.includes(label)))).toEqual([]);
    expect(alert.expr).not.toMatch(/\b(sum|min|max|group|count|avg)\s*\(/);
  });

  it('is seen to fire in a case of the tests', () => {
    expect(fires).toContain(name);
  });

  it('says what happened, how urgent it is, and where to read what to do', () => {
    expect(Object.keys(alert.annotations)).toEqual(['summary', 'runbook']);
    expect(alert.annotations.summary).toMatch(/\.$/);
    expect(['page', 'ticket']).toContain(alert.labels.severity);
    const [file = '', anchor] = alert.annotations.runbook.split('#');
    expect(anchor).toBe(name.toLowerCase());
    expect(readText(file)).toContain(`\n### ${name}\n`);
  });
});

describe('the alerts', () => {
  it('are the ones of the guide, in its order', () => {
    const headings = [...readText('docs/guide/alerts.md').matchAll(/^### (Holdfast\w+)$/gm)].map(([, name]) => name);
    expect(headings).toEqual(alerts().map(({ alert }) => alert));
  });

  // A machine that must not skip this (continuous integration) says so; elsewhere the reason shows in the report.
  const hasPromtool = spawnSync('promtool', ['--version'], { timeout: 10_000 }).status === 0;
  const canTry = hasPromtool || process.env['REQUIRE_PROMTOOL'] === 'true';
  const reason = canTry ? '' : ' (skipped: promtool is not on the PATH)';
  it.skipIf(!canTry)(`fire when they should, and not when they should not${reason}`, () => {
    const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', 'holdfast.rules.test.yaml'], {
      cwd: fileURLToPath(folder),
      encoding: 'utf8',
      timeout: 60_000,
    });
    expect(status, stdout + stderr).toBe(0);
  });
});
