import { describe, expect, it } from 'vitest';
import { type PerWebhook, type WebhookMetrics, WebhookSeries } from './webhook-metrics.ts';

const seriesOf = (perWebhook: PerWebhook) => new WebhookSeries(perWebhook, () => undefined);
const identity = (name: string, uid = `uid-${name}`, namespace = 'team-a') => ({ uid, namespace, name });
const text = (series: WebhookSeries) => [...series.render()].join('');
/** Samples of one metric, without its prefix. */
function samples(series: WebhookSeries, metric: string): string[] {
  return text(series)
    .split('\n')
    .filter((line) => line.startsWith(`webhook_operator_${metric}{`))
    .map((line) => line.slice('webhook_operator_'.length));
}

describe('a Webhook', () => {
  it('counts attempts by outcome and class of the status code', () => {
    const series = seriesOf('all');
    const metrics = series.open(identity('crm'));
    metrics.delivered(204, 0.02, 0.03);
    metrics.delivered(200, 0.02, 0.03);
    metrics.failed('retry', 'HTTPStatus', 503, 0.1);
    metrics.failed('dead_letter', 'Timeout', undefined, 10);
    metrics.failed('held', 'HTTPStatus', 600, 0.1);
    metrics.skipped('unsubscribed');
    metrics.skipped('held');
    const labels = 'namespace="team-a",name="crm"';
    expect(samples(series, 'deliveries_total')).toEqual([
      `deliveries_total{${labels},outcome="delivered",code_class="2xx"} 2`,
      `deliveries_total{${labels},outcome="retry",code_class="5xx"} 1`,
      `deliveries_total{${labels},outcome="dead_letter",code_class="none"} 1`,
      `deliveries_total{${labels},outcome="held",code_class="none"} 1`,
      `deliveries_total{${labels},outcome="held",code_class="other"} 1`,
      `deliveries_total{${labels},outcome="unsubscribed",code_class="none"} 1`,
    ]);
    expect(samples(series, 'attempt_failures_total')).toEqual([
      `attempt_failures_total{${labels},reason="HTTPStatus"} 2`,
      `attempt_failures_total{${labels},reason="Timeout"} 1`,
    ]);
  });

  it('shows its gauges and the current status of each condition', () => {
    const series = seriesOf('all');
    const metrics = series.open(identity('crm'));
    metrics.setInFlight(3);
    metrics.setConsecutiveFailures(7);
    metrics.setPending({ backlog: 5, retrying: 2 });
    metrics.setPending({ deadLettered: 1, lost: 4 });
    metrics.filterFailed();
    metrics.setConditions([{ type: 'Active', status: 'Unknown' }]);
    metrics.setConditions([{ type: 'Verified', status: 'True' }]);
    const labels = 'namespace="team-a",name="crm"';
    const all = text(series);
    for (const sample of [
      `in_flight{${labels}} 3`,
      `consecutive_failures{${labels}} 7`,
      `backlog_events{${labels}} 5`,
      `retries_waiting{${labels}} 2`,
      `dead_letters{${labels}} 1`,
      `lost_events{${labels}} 4`,
      `filter_errors_total{${labels}} 1`,
      `condition{${labels},type="Verified",status="True"} 1`,
    ]) {
      expect(all).toContain(`webhook_operator_${sample}\n`);
    }
    expect(all).not.toContain('type="Active"');
  });

  it('is the same for the same uid, and begins anew for another one', () => {
    const series = seriesOf('all');
    const first = series.open(identity('crm', 'one'));
    expect(series.open(identity('crm', 'one'))).toBe(first);
    first.delivered(200, 0, 0);
    const second = series.open(identity('crm', 'two'));
    expect(samples(series, 'deliveries_total')).toEqual([]);
    second.delivered(200, 0, 0);
    // The late removal of the old one must not take the new one's series away.
    first.remove();
    expect(samples(series, 'deliveries_total')).toHaveLength(1);
  });

  it('leaves nothing behind when it is removed, nor does its namespace with the last one', () => {
    const series = seriesOf('all');
    const [a, b] = [series.open(identity('a')), series.open(identity('b'))];
    a.delivered(200, 0.01, 0.01);
    a.remove();
    a.remove();
    expect(text(series)).not.toContain('name="a"');
    expect(samples(series, 'namespace_deliveries_total')).toHaveLength(1);
    b.remove();
    expect(text(series)).not.toContain('team-a');
  });
});

describe('a namespace', () => {
  it('sums its Webhooks up and has the histograms', () => {
    const series = seriesOf('all');
    series.open(identity('a')).delivered(200, 0.02, 3);
    series.open(identity('b')).failed('retry', 'Timeout', undefined, 10);
    series.open(identity('c', 'c', 'team-b')).delivered(200, 0.02, undefined);
    expect(samples(series, 'namespace_deliveries_total')).toEqual([
      'namespace_deliveries_total{namespace="team-a",outcome="delivered",code_class="2xx"} 1',
      'namespace_deliveries_total{namespace="team-a",outcome="retry",code_class="none"} 1',
      'namespace_deliveries_total{namespace="team-b",outcome="delivered",code_class="2xx"} 1',
    ]);
    expect(samples(series, 'attempt_duration_seconds_count')).toEqual([
      'attempt_duration_seconds_count{namespace="team-a"} 2',
      'attempt_duration_seconds_count{namespace="team-b"} 1',
    ]);
    // A delivery whose event is repeated says nothing about latency.
    expect(samples(series, 'delivery_latency_seconds_count')).toEqual([
      'delivery_latency_seconds_count{namespace="team-a"} 1',
      'delivery_latency_seconds_count{namespace="team-b"} 0',
    ]);
    expect(samples(series, 'delivery_latency_seconds_bucket')).toContain(
      'delivery_latency_seconds_bucket{namespace="team-a",le="5"} 1',
    );
  });
});

describe('limits', () => {
  const troubles: readonly [string, (metrics: WebhookMetrics) => void][] = [
    ['a streak', (metrics) => metrics.setConsecutiveFailures(1)],
    ['Disabled', (metrics) => metrics.setConditions([{ type: 'Disabled', status: 'True' }])],
    ['Failing', (metrics) => metrics.setConditions([{ type: 'Failing', status: 'True' }])],
    ['BacklogFull', (metrics) => metrics.setConditions([{ type: 'BacklogFull', status: 'True' }])],
  ];

  it.each(troubles)('failing shows a Webhook with %s', (_what, afflict) => {
    const series = seriesOf('failing');
    afflict(series.open(identity('ill')));
    const well = series.open(identity('well'));
    well.delivered(200, 0, 0);
    well.setConditions([{ type: 'Failing', status: 'False' }]);
    expect(text(series)).toContain('name="ill"');
    expect(text(series)).not.toContain('name="well"');
    expect(samples(series, 'namespace_deliveries_total')).toHaveLength(1);
  });

  it('off shows namespaces only', () => {
    const series = seriesOf('off');
    const metrics = series.open(identity('ill'));
    metrics.setConsecutiveFailures(9);
    metrics.delivered(200, 0, 0);
    expect(text(series)).not.toContain('name=');
    expect(samples(series, 'namespace_deliveries_total')).toHaveLength(1);
  });
});

describe('render', () => {
  it('cuts 10 000 Webhooks into slices of at most 100', () => {
    const series = seriesOf('all');
    for (let index = 0; index < 10_000; index += 1) {
      series.open(identity(`w${index}`)).delivered(200, 0.01, 0.01);
    }
    const slices = [...series.render()];
    for (const slice of slices) expect(slice.split('\n').length).toBeLessThanOrEqual(103);
    expect(samples(series, 'deliveries_total')).toHaveLength(10_000);
  });

  it('shows no Webhook twice that comes or goes during a scrape', () => {
    const series = seriesOf('all');
    for (let index = 0; index < 150; index += 1) series.open(identity(`w${index}`)).delivered(200, 0.01, 0.01);
    const lines: string[] = [];
    for (const slice of series.render()) {
      lines.push(...slice.split('\n'));
      series.open(identity('w149', `again ${lines.length}`)).delivered(200, 0.01, 0.01);
    }
    const shown = lines.filter((line) => /^[a-z]/.test(line)).map((line) => line.slice(0, line.lastIndexOf(' ')));
    expect(new Set(shown).size).toBe(shown.length);
  });

  it('escapes what a label may hold', () => {
    const series = seriesOf('all');
    series.open(identity('a"\\\nb')).setInFlight(1);
    expect(text(series)).toContain('name="a\\"\\\\\\nb"');
  });
});
