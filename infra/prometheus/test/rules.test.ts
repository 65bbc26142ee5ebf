import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { alerts, documentedMetrics, folder, readExpression, readText } from './rules.ts';

const metrics = documentedMetrics();
/** A histogram is asked for by its parts. */
const documented = (name: string) => metrics.get(name) ?? metrics.get(name.replace(/_(bucket|sum|count)$/, ''));

describe.each(alerts().map((alert) => [alert.alert, alert] as const))('%s', (name, alert) => {
  const { metrics: named, labels, values, errors } = readExpression(alert.expr);

  it('is an expression of Prometheus', () => {
    expect(errors).toEqual([]);
    expect(named.length).toBeGreaterThan(0);
  });

  it('asks for metrics, labels and values that there are', () => {
    expect(named.filter((metric) => documented(metric) === undefined)).toEqual([]);
    const known = new Set(named.flatMap((metric) => documented(metric)?.labels ?? []));
    // Prometheus itself adds `instance`.
    expect(labels.filter((label) => label !== 'instance' && !known.has(label))).toEqual([]);
    const page = readText('docs/reference/metrics.md');
    const unknown = values.filter(([label, value]) => label !== 'status' && !page.includes(`\`${value}\``));
    expect(unknown).toEqual([]);
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
      timeout: 15_000,
    });
    expect(status, stdout + stderr).toBe(0);
  });
});
