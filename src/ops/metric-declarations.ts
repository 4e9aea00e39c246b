/**
 * Every metric of ours, declared once: `metrics.ts` and `webhook-metrics.ts` serve them, `docs/metrics.md` lists them.
 * The `controller_runtime_*`, `workqueue_*` and `rest_client_*` names, labels and buckets are those of controller-runtime
 * and client-go, so that existing dashboards work.
 */
export interface MetricDeclaration {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds of a histogram's buckets, without +Inf. */
  readonly buckets?: readonly number[];
}

/** controller-runtime's buckets of `controller_runtime_reconcile_time_seconds`. */
const reconcileBuckets = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 1.75, 2,
  2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
];
/** controller-runtime's buckets of the work queue: 10 ns to 1000 s. */
const queueBuckets = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100, 1000];
/** The buckets of Kubernetes' component-base. */
const requestBuckets = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60];
/** A receiver's answer: up to the longest total timeout that classes allow. */
const attemptBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60];
/** From milliseconds on the hot path to days in a backlog. */
const latencyBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300, 1800, 7200, 43_200, 259_200];

const webhook = ['namespace', 'name'] as const;
const controller = ['controller'] as const;
const queue = ['name', 'controller'] as const;

export const metricDeclarations = {
  deliveriesTotal: {
    name: 'webhook_operator_deliveries_total',
    type: 'counter',
    help: 'Attempts that ended, and deliveries settled or held without one, by outcome and class of the status code (none without a response).',
    labels: [...webhook, 'outcome', 'code_class'],
  },
  namespaceDeliveriesTotal: {
    name: 'webhook_operator_namespace_deliveries_total',
    type: 'counter',
    help: 'The same as deliveries_total for all Webhooks of a namespace, also where series per Webhook are limited.',
    labels: ['namespace', 'outcome', 'code_class'],
  },
  attemptFailuresTotal: {
    name: 'webhook_operator_attempt_failures_total',
    type: 'counter',
    help: 'Failed attempts by reason, the same reasons as in status.',
    labels: [...webhook, 'reason'],
  },
  attemptDuration: {
    name: 'webhook_operator_attempt_duration_seconds',
    type: 'histogram',
    help: 'Time from the start of an attempt to its end, successful or not.',
    labels: ['namespace'],
    buckets: attemptBuckets,
  },
  deliveryLatency: {
    name: 'webhook_operator_delivery_latency_seconds',
    type: 'histogram',
    help: 'Time from the storing of an event to its successful arrival, retries and backlog included.',
    labels: ['namespace'],
    buckets: latencyBuckets,
  },
  inFlight: {
    name: 'webhook_operator_in_flight',
    type: 'gauge',
    help: 'Requests that wait for an answer.',
    labels: webhook,
  },
  backlogEvents: {
    name: 'webhook_operator_backlog_events',
    type: 'gauge',
    help: 'Deliveries held while the Webhook is inactive, slow or overloaded.',
    labels: webhook,
  },
  retriesWaiting: {
    name: 'webhook_operator_retries_waiting',
    type: 'gauge',
    help: 'Deliveries that wait for their next attempt.',
    labels: webhook,
  },
  deadLetters: {
    name: 'webhook_operator_dead_letters',
    type: 'gauge',
    help: 'Deliveries that ran out of attempts and are still stored.',
    labels: webhook,
  },
  lostEvents: {
    name: 'webhook_operator_lost_events',
    type: 'gauge',
    help: 'Deliveries of the Webhook that were lost so far, as in status.pending.lost.',
    labels: webhook,
  },
  consecutiveFailures: {
    name: 'webhook_operator_consecutive_failures',
    type: 'gauge',
    help: 'Failed attempts in a row; one success resets it.',
    labels: webhook,
  },
  filterErrorsTotal: {
    name: 'webhook_operator_filter_errors_total',
    type: 'counter',
    help: 'Events on which the filter failed: they counted as not matched.',
    labels: webhook,
  },
  condition: {
    name: 'webhook_operator_condition',
    type: 'gauge',
    help: 'Always 1, with the current status (True, False, Unknown) of each condition.',
    labels: [...webhook, 'type', 'status'],
  },
  eventsLostTotal: {
    name: 'webhook_operator_events_lost_total',
    type: 'counter',
    help: 'Deliveries lost by reason. Should be 0; alert on any increase.',
    labels: ['reason'],
  },
  slotsOwned: {
    name: 'webhook_operator_slots_owned',
    type: 'gauge',
    help: 'Slots that this replica works on.',
    labels: [],
  },
  consumerLagEvents: {
    name: 'webhook_operator_consumer_lag_events',
    type: 'gauge',
    help: 'Events of a slot that were not read yet.',
    labels: ['slot'],
  },
  clockOffset: {
    name: 'webhook_operator_clock_offset_seconds',
    type: 'gauge',
    help: "The NATS server's clock minus this process's.",
    labels: [],
  },
  streamBytes: {
    name: 'webhook_operator_stream_bytes',
    type: 'gauge',
    help: 'Bytes stored in a stream.',
    labels: ['stream'],
  },
  streamLimitBytes: {
    name: 'webhook_operator_stream_limit_bytes',
    type: 'gauge',
    help: 'The max_bytes of a stream.',
    labels: ['stream'],
  },
  egressSuspected: {
    name: 'webhook_operator_egress_suspected',
    type: 'gauge',
    help: "1 while disabling is paused because the operator's own network seems to be down.",
    labels: [],
  },
  natsConnected: {
    name: 'webhook_operator_nats_connected',
    type: 'gauge',
    help: '1 while connected to NATS.',
    labels: [],
  },
  watchRestartsTotal: {
    name: 'webhook_operator_watch_restarts_total',
    type: 'counter',
    help: 'Watches of the API server that ended and were begun again, by kind and why.',
    labels: ['kind', 'reason'],
  },
  unknownWatchEventsTotal: {
    name: 'webhook_operator_watch_unknown_events_total',
    type: 'counter',
    help: 'Events of a watch whose type the operator does not know: they were skipped.',
    labels: ['kind', 'type'],
  },
  watchLastEventAge: {
    name: 'webhook_operator_watch_last_event_age_seconds',
    type: 'gauge',
    help: 'Time since the watch last heard anything, bookmarks included.',
    labels: ['kind'],
  },
  buildInfo: {
    name: 'webhook_operator_build_info',
    type: 'gauge',
    help: 'Always 1, with the version of the operator.',
    labels: ['version'],
  },
  reconcileTotal: {
    name: 'controller_runtime_reconcile_total',
    type: 'counter',
    help: 'Reconciliations per controller and result.',
    labels: ['controller', 'result'],
  },
  reconcileErrorsTotal: {
    name: 'controller_runtime_reconcile_errors_total',
    type: 'counter',
    help: 'Reconciliations that failed.',
    labels: controller,
  },
  terminalReconcileErrorsTotal: {
    name: 'controller_runtime_terminal_reconcile_errors_total',
    type: 'counter',
    help: 'Reconciliations that failed for good: only a change of the object helps.',
    labels: controller,
  },
  reconcilePanicsTotal: {
    name: 'controller_runtime_reconcile_panics_total',
    type: 'counter',
    help: 'Reconciliations that ended in a programming error (TypeError and the like).',
    labels: controller,
  },
  reconcileTimeoutsTotal: {
    name: 'controller_runtime_reconcile_timeouts_total',
    type: 'counter',
    help: 'Reconciliations that exceeded their time.',
    labels: controller,
  },
  reconcileTime: {
    name: 'controller_runtime_reconcile_time_seconds',
    type: 'histogram',
    help: 'Duration of a reconciliation.',
    labels: controller,
    buckets: reconcileBuckets,
  },
  maxConcurrentReconciles: {
    name: 'controller_runtime_max_concurrent_reconciles',
    type: 'gauge',
    help: 'Workers of a controller.',
    labels: controller,
  },
  activeWorkers: {
    name: 'controller_runtime_active_workers',
    type: 'gauge',
    help: 'Workers that reconcile at this moment.',
    labels: controller,
  },
  queueDepth: {
    name: 'workqueue_depth',
    type: 'gauge',
    help: 'Keys that wait in the work queue.',
    labels: [...queue, 'priority'],
  },
  queueAddsTotal: {
    name: 'workqueue_adds_total',
    type: 'counter',
    help: 'Keys added to the work queue.',
    labels: queue,
  },
  queueRetriesTotal: {
    name: 'workqueue_retries_total',
    type: 'counter',
    help: 'Keys added again after a failure.',
    labels: queue,
  },
  queueDuration: {
    name: 'workqueue_queue_duration_seconds',
    type: 'histogram',
    help: 'How long a key waited in the work queue.',
    labels: queue,
    buckets: queueBuckets,
  },
  queueWorkDuration: {
    name: 'workqueue_work_duration_seconds',
    type: 'histogram',
    help: 'How long the work on a key took.',
    labels: queue,
    buckets: queueBuckets,
  },
  queueUnfinishedWork: {
    name: 'workqueue_unfinished_work_seconds',
    type: 'gauge',
    help: 'Time spent so far on keys in work, summed up.',
    labels: queue,
  },
  queueLongestRunning: {
    name: 'workqueue_longest_running_processor_seconds',
    type: 'gauge',
    help: 'Time spent so far on the key that is longest in work.',
    labels: queue,
  },
  restClientRequestsTotal: {
    name: 'rest_client_requests_total',
    type: 'counter',
    help: 'Requests to the API server, by status code (<error> without an answer), method and host.',
    labels: ['code', 'method', 'host'],
  },
  restClientRequestDuration: {
    name: 'rest_client_request_duration_seconds',
    type: 'histogram',
    help: 'Duration of requests to the API server; of a watch until its response begins.',
    labels: ['verb', 'host'],
    buckets: requestBuckets,
  },
} as const satisfies Record<string, MetricDeclaration>;
