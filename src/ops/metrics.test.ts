import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../clock.ts';
import { WorkQueue } from '../kubernetes/work-queue.ts';
import { silentLogger } from '../logger.ts';
import { type RunningServer, startServer } from './http-server.ts';
import { metricDeclarations } from './metric-declarations.ts';
import { metricsRoutes } from './metrics-route.ts';
import { Metrics } from './metrics.ts';

async function scrape(metrics: Metrics): Promise<string> {
  let text = '';
  for await (const piece of metrics.render()) text += piece;
  return text;
}

/** A minimal reader of the text format that refuses what Prometheus would. */
function parse(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  const declared = new Set<string>();
  for (const line of text.split('\n').filter((candidate) => candidate !== '')) {
    const type = /^# TYPE (\S+) (?:counter|gauge|histogram|summary)$/.exec(line)?.[1];
    if (type !== undefined) {
      if (declared.has(type)) throw new Error(`${type} is declared twice`);
      declared.add(type);
    }
    if (line.startsWith('#')) continue;
    const match = /^([a-zA-Z_:][\w:]*(?:\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)*\})?) (\S+)$/.exec(line);
    const [, series, value] = match ?? [];
    if (series === undefined) throw new Error(`unreadable: ${line}`);
    if (samples.has(series)) throw new Error(`twice: ${series}`);
    samples.set(series, value === '+Inf' ? Infinity : Number(value));
  }
  return samples;
}

const identity = { uid: 'u', namespace: 'team-a', name: 'crm' };

describe('Metrics', () => {
  it('renders well-formed text in which every declared metric has its help and type', async () => {
    const metrics = new Metrics({ version: '1.2.3' });
    metrics.webhook(identity).delivered(200, 0.1, 0.2);
    const text = await scrape(metrics);
    parse(text);
    for (const { name, type } of Object.values(metricDeclarations)) expect(text).toContain(`# TYPE ${name} ${type}\n`);
    expect(text).toContain('webhook_operator_build_info{version="1.2.3"} 1');
    expect(metrics.defaultMetricNames()).toContain('process_resident_memory_bytes');
    expect(metrics.defaultMetricNames().filter((name) => name.startsWith('webhook_'))).toEqual([]);
  });

  it('begins the counters of losses, of a controller and of a queue at 0', async () => {
    const metrics = new Metrics({ version: '1' });
    metrics.controller('webhook', 4);
    metrics.workQueue('webhook');
    const samples = parse(await scrape(metrics));
    for (const series of [
      'webhook_operator_events_lost_total{reason="BacklogFull"}',
      'controller_runtime_reconcile_total{controller="webhook",result="success"}',
      'controller_runtime_reconcile_total{controller="webhook",result="requeue_after"}',
      'controller_runtime_reconcile_errors_total{controller="webhook"}',
      'controller_runtime_terminal_reconcile_errors_total{controller="webhook"}',
      'controller_runtime_reconcile_panics_total{controller="webhook"}',
      'controller_runtime_reconcile_timeouts_total{controller="webhook"}',
      'controller_runtime_active_workers{controller="webhook"}',
      'workqueue_adds_total{name="webhook",controller="webhook"}',
      'workqueue_retries_total{name="webhook",controller="webhook"}',
      'workqueue_depth{name="webhook",controller="webhook",priority="0"}',
      'workqueue_depth{name="webhook",controller="webhook",priority="-100"}',
    ]) {
      expect([series, samples.get(series)]).toEqual([series, 0]);
    }
    expect(samples.get('controller_runtime_max_concurrent_reconciles{controller="webhook"}')).toBe(4);
  });

  it('counts reconciliations by result and kind of error', async () => {
    const metrics = new Metrics({ version: '1' });
    const observer = metrics.controller('c', 1);
    observer.activeWorkersChanged(1);
    observer.reconciled('error', 0.2);
    observer.reconciled('error', 0.2);
    observer.reconciled('success', 0.2);
    observer.terminalError();
    observer.panicked();
    observer.timedOut();
    const samples = parse(await scrape(metrics));
    const of = (name: string) => samples.get(`controller_runtime_${name}{controller="c"}`);
    expect(samples.get('controller_runtime_reconcile_total{controller="c",result="error"}')).toBe(2);
    expect(samples.get('controller_runtime_reconcile_total{controller="c",result="success"}')).toBe(1);
    expect(of('reconcile_errors_total')).toBe(2);
    expect(of('terminal_reconcile_errors_total')).toBe(1);
    expect(of('reconcile_panics_total')).toBe(1);
    expect(of('reconcile_timeouts_total')).toBe(1);
    expect(of('active_workers')).toBe(1);
    expect(samples.get('controller_runtime_reconcile_time_seconds_bucket{le="0.2",controller="c"}')).toBe(3);
  });

  it('observes a real work queue', async () => {
    const metrics = new Metrics({ version: '1' });
    const queue = new WorkQueue({ clock: systemClock, observer: metrics.workQueue('q') });
    metrics.observeQueue('q', queue);
    queue.add('a');
    queue.add('b', 'low');
    const samples = parse(await scrape(metrics));
    expect(samples.get('workqueue_depth{name="q",controller="q",priority="0"}')).toBe(1);
    expect(samples.get('workqueue_depth{name="q",controller="q",priority="-100"}')).toBe(1);
    expect(samples.get('workqueue_adds_total{name="q",controller="q"}')).toBe(2);
    expect(samples.get('workqueue_unfinished_work_seconds{name="q",controller="q"}')).toBe(0);
    expect(samples.get('workqueue_longest_running_processor_seconds{name="q",controller="q"}')).toBeCloseTo(0);
    queue.shutDown();
  });

  it('counts what queues and watches report, and asks a watch for its age at each scrape', async () => {
    const metrics = new Metrics({ version: '1' });
    const observer = metrics.workQueue('q');
    observer.retried();
    observer.queueDuration(0.5);
    observer.workDuration(0.5);
    let age = 4;
    metrics.observeWatch('Webhook', () => age);
    metrics.reflector.watchRestarted('Webhook', 'expired');
    metrics.reflector.unknownEvent('Webhook', 'NEW');
    await scrape(metrics);
    age = 9;
    const samples = parse(await scrape(metrics));
    expect(samples.get('workqueue_retries_total{name="q",controller="q"}')).toBe(1);
    expect(samples.get('workqueue_queue_duration_seconds_count{name="q",controller="q"}')).toBe(1);
    expect(samples.get('workqueue_work_duration_seconds_count{name="q",controller="q"}')).toBe(1);
    expect(samples.get('webhook_operator_watch_last_event_age_seconds{kind="Webhook"}')).toBe(9);
    expect(samples.get('webhook_operator_watch_restarts_total{kind="Webhook",reason="expired"}')).toBe(1);
    expect(samples.get('webhook_operator_watch_unknown_events_total{kind="Webhook",type="NEW"}')).toBe(1);
  });

  it('shows the state of the engine and forgets the lag of a slot that went', async () => {
    const metrics = new Metrics({ version: '1' });
    metrics.setSlotsOwned(2);
    metrics.slots.lag(1, 10);
    metrics.slots.lag(2, 20);
    metrics.slots.remove(1);
    metrics.setClockOffset(-1500);
    metrics.setStream('EVENTS', 10, 100);
    metrics.setEgressSuspected(true);
    metrics.setNatsConnected(true);
    metrics.slots.lost(2, 3);
    const gone = metrics.webhook(identity);
    gone.lost('BacklogFull', 2);
    gone.remove();
    metrics.restClient.requestFinished({ method: 'GET', verb: 'LIST', host: 'h:1', code: '200', durationSeconds: 0.1 });
    const samples = parse(await scrape(metrics));
    expect(samples.get('webhook_operator_slots_owned')).toBe(2);
    expect(samples.has('webhook_operator_consumer_lag_events{slot="1"}')).toBe(false);
    expect(samples.get('webhook_operator_consumer_lag_events{slot="2"}')).toBe(20);
    expect(samples.get('webhook_operator_clock_offset_seconds')).toBe(-1.5);
    expect(samples.get('webhook_operator_stream_bytes{stream="EVENTS"}')).toBe(10);
    expect(samples.get('webhook_operator_stream_limit_bytes{stream="EVENTS"}')).toBe(100);
    expect(samples.get('webhook_operator_egress_suspected')).toBe(1);
    expect(samples.get('webhook_operator_nats_connected')).toBe(1);
    expect(samples.get('webhook_operator_events_lost_total{reason="Expired"}')).toBe(3);
    expect(samples.get('webhook_operator_events_lost_total{reason="BacklogFull"}')).toBe(2);
    expect(samples.get('rest_client_requests_total{code="200",method="GET",host="h:1"}')).toBe(1);
  });

  it('lets the event loop turn between any two slices', async () => {
    const metrics = new Metrics({ version: '1' });
    for (let index = 0; index < 1000; index += 1) {
      metrics.webhook({ ...identity, uid: `${index}`, name: `w${index}` }).delivered(200, 0, 0);
    }
    let turns = 0;
    let running = true;
    const count = () => {
      turns += 1;
      if (running) setImmediate(count);
    };
    setImmediate(count);
    let pieces = 0;
    for await (const piece of metrics.render()) pieces += piece.length > 0 ? 1 : 0;
    running = false;
    expect(pieces).toBeGreaterThan(100);
    expect(turns).toBeGreaterThanOrEqual(pieces - 1);
  });
});

describe('/metrics', () => {
  let server: RunningServer | undefined;
  afterEach(() => server?.close());

  it('is served plain, compressed and as a HEAD', async () => {
    const metrics = new Metrics({ version: '1', perWebhook: 'off' });
    server = await startServer('metrics', { host: '127.0.0.1', port: 0 }, metricsRoutes(metrics), silentLogger);
    const url = `http://127.0.0.1:${server.port}/metrics`;
    const plain = await fetch(url, { headers: { 'accept-encoding': 'identity' } });
    expect(plain.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(plain.headers.get('content-encoding')).toBeNull();
    parse(await plain.text());
    const compressed = await fetch(url, { headers: { 'accept-encoding': 'gzip' } });
    expect(compressed.headers.get('content-encoding')).toBe('gzip');
    parse(await compressed.text());
    expect(await (await fetch(url, { method: 'HEAD' })).text()).toBe('');
  });

  it('takes a scraper that goes away for no fault', async () => {
    const logged: unknown[] = [];
    const logger = { ...silentLogger, error: (message: string) => void logged.push(message) };
    const ended = Promise.withResolvers<void>();
    const endless = {
      contentType: 'text/plain; version=0.0.4; charset=utf-8' as const,
      async *render() {
        try {
          for (;;) {
            yield 'x'.repeat(65_536);
            await new Promise((resolve) => setImmediate(resolve));
          }
        } finally {
          ended.resolve();
        }
      },
    };
    server = await startServer('metrics', { host: '127.0.0.1', port: 0 }, metricsRoutes(endless), logger);
    const abort = new AbortController();
    const response = await fetch(`http://127.0.0.1:${server.port}/metrics`, { signal: abort.signal });
    await response.body?.getReader().read();
    abort.abort();
    await ended.promise;
    await new Promise((resolve) => setImmediate(resolve));
    expect(logged).toEqual([]);
  });
});
