/**
 * Every flag and environment variable of the process, declared once: `options.ts` reads them, `--help` and
 * `docs/configuration.md` print them, the chart's tests parse what the chart renders with them.
 */
import { parseDuration } from '../api/duration.ts';
import { defaultStreamNames } from '../jetstream/subjects.ts';
import {
  parseBindAddress,
  parseBounded,
  parseBytes,
  parseChoice,
  parseInteger,
  parseList,
  parseNamespace,
  parseNatsURL,
  parseStreamName,
  parseText,
} from './option-parsers.ts';

export interface OptionDeclaration<T> {
  readonly flag: `--${string}`;
  readonly env: string;
  /** What stands for the value in the help: `<path>`. */
  readonly placeholder: string;
  /** The default as a user would write it; absent = {@link defaultNote} says what happens without a value. */
  readonly default?: string;
  readonly defaultNote?: string;
  readonly help: string;
  /** Throws an Error that says what is wrong with the text. */
  readonly parse: (text: string) => T;
}
interface WithDefault {
  readonly default: string;
}

/** Checks a row and keeps its own type: what it parses to, and whether it has a default. */
function option<const D extends OptionDeclaration<unknown>>(declaration: D): D {
  return declaration;
}

const optionTable = {
  kubeconfig: option({
    flag: '--kubeconfig',
    env: 'KUBECONFIG',
    placeholder: '<path>',
    defaultNote: 'in-cluster configuration',
    help: 'Kubeconfig file of the API server.',
    parse: parseText,
  }),
  natsURLs: option({
    flag: '--nats-url',
    env: 'NATS_URL',
    placeholder: '<url>[,<url>…]',
    default: 'nats://127.0.0.1:4222',
    help: 'NATS servers; several of one cluster, comma-separated. tls:// insists on TLS.',
    parse: parseList(parseNatsURL),
  }),
  natsCreds: option({
    flag: '--nats-creds',
    env: 'NATS_CREDS',
    placeholder: '<path>',
    defaultNote: 'none',
    help: 'Credentials file (user JWT and seed).',
    parse: parseText,
  }),
  natsNkey: option({
    flag: '--nats-nkey',
    env: 'NATS_NKEY',
    placeholder: '<path>',
    defaultNote: 'none',
    help: 'File with the seed of an nkey user.',
    parse: parseText,
  }),
  natsTokenFile: option({
    flag: '--nats-token-file',
    env: 'NATS_TOKEN_FILE',
    placeholder: '<path>',
    defaultNote: 'none',
    help: 'File with the token; one trailing newline is trimmed.',
    parse: parseText,
  }),
  natsCA: option({
    flag: '--nats-ca',
    env: 'NATS_CA',
    placeholder: '<path>',
    defaultNote: 'the CAs that Node trusts',
    help: "PEM file of the CAs that sign the servers' certificates.",
    parse: parseText,
  }),
  natsCert: option({
    flag: '--nats-cert',
    env: 'NATS_CERT',
    placeholder: '<path>',
    defaultNote: 'none',
    help: 'PEM file of the client certificate; needs --nats-key.',
    parse: parseText,
  }),
  natsKey: option({
    flag: '--nats-key',
    env: 'NATS_KEY',
    placeholder: '<path>',
    defaultNote: 'none',
    help: "PEM file of the client certificate's key; needs --nats-cert.",
    parse: parseText,
  }),
  metricsBindAddress: option({
    flag: '--metrics-bind-address',
    env: 'METRICS_BIND_ADDRESS',
    placeholder: '<address>',
    default: ':8080',
    help: 'Where /metrics is served; 0 switches it off.',
    parse: parseBindAddress,
  }),
  metricsPerWebhook: option({
    flag: '--metrics-per-webhook',
    env: 'METRICS_PER_WEBHOOK',
    placeholder: 'all|failing|off',
    default: 'all',
    help: 'Which Webhooks have series of their own: all, those in trouble, or none. Series per namespace are always there.',
    parse: parseChoice('all', 'failing', 'off'),
  }),
  healthProbeBindAddress: option({
    flag: '--health-probe-bind-address',
    env: 'HEALTH_PROBE_BIND_ADDRESS',
    placeholder: '<address>',
    default: ':8081',
    help: 'Where /healthz and /readyz are served; 0 switches them off.',
    parse: parseBindAddress,
  }),
  watchNamespaces: option({
    flag: '--watch-namespaces',
    env: 'WATCH_NAMESPACES',
    placeholder: '<name>[,<name>…]',
    defaultNote: 'all namespaces',
    help: 'Only Webhooks of these namespaces are served.',
    parse: parseList(parseNamespace),
  }),
  leaseNamespace: option({
    flag: '--lease-namespace',
    env: 'LEASE_NAMESPACE',
    placeholder: '<name>',
    defaultNote: "the pod's namespace, else default",
    help: 'Namespace of the Leases by which replicas know each other.',
    parse: parseNamespace,
  }),
  podName: option({
    flag: '--pod-name',
    env: 'POD_NAME',
    placeholder: '<name>',
    defaultNote: "the host's name",
    help: 'Name of this replica in Leases and Events; each process adds a random suffix.',
    parse: parseText,
  }),
  partitions: option({
    flag: '--partitions',
    env: 'PARTITIONS',
    placeholder: '<n>',
    default: '16',
    help: 'Partitions of the event stream. Fixed at install.',
    parse: parseInteger(1, 256),
  }),
  shards: option({
    flag: '--shards',
    env: 'SHARDS',
    placeholder: '<n>',
    default: '1',
    help: 'Shards of a partition, so that one busy source spreads over replicas. Fixed at install.',
    parse: parseInteger(1, 64),
  }),
  streams: option({
    flag: '--streams',
    env: 'STREAMS',
    placeholder: 'Manage|External',
    default: 'Manage',
    help: 'Manage creates and updates the streams; External only checks them.',
    parse: parseChoice('Manage', 'External'),
  }),
  streamReplicas: option({
    flag: '--stream-replicas',
    env: 'STREAM_REPLICAS',
    placeholder: '1|3|5',
    default: '1',
    help: 'Copies of each stream in a NATS cluster.',
    parse: (text: string) => Number(parseChoice('1', '3', '5')(text)),
  }),
  ...streamOptions(),
  logLevel: option({
    flag: '--log-level',
    env: 'LOG_LEVEL',
    placeholder: 'debug|info|error',
    default: 'info',
    help: 'Least level that is logged.',
    parse: parseChoice('debug', 'info', 'error'),
  }),
  shutdownTimeout: option({
    flag: '--shutdown-timeout',
    env: 'SHUTDOWN_TIMEOUT',
    placeholder: '<duration>',
    default: '30s',
    help: "How long deliveries in flight may finish after SIGTERM. Keep it below the pod's grace period.",
    parse: parseBounded(parseDuration, 1000, '1s'),
  }),
} as const;

/** Names, sizes and ages of the streams. Split off only because there are many. */
function streamOptions() {
  const name = (what: string, text: string) =>
    option({
      flag: `--${what}` as const,
      env: what.replaceAll('-', '_').toUpperCase(),
      placeholder: '<name>',
      default: text,
      help: `Name of the ${what.endsWith('bucket') ? 'KV bucket' : 'stream'}.`,
      parse: parseStreamName,
    });
  const maxBytes = (stream: string, text: string, help: string) =>
    option({
      flag: `--${stream}-max-bytes` as const,
      env: `${stream.replaceAll('-', '_').toUpperCase()}_MAX_BYTES`,
      placeholder: '<size>',
      default: text,
      help,
      parse: parseBytes,
    });
  const maxAge = (stream: string, text: string, help: string) =>
    option({
      flag: `--${stream}-max-age` as const,
      env: `${stream.replaceAll('-', '_').toUpperCase()}_MAX_AGE`,
      placeholder: '<duration>',
      default: text,
      help,
      parse: parseBounded(parseDuration, 60_000, '1m'),
    });
  return {
    eventsStream: name('events-stream', defaultStreamNames.events),
    retriesStream: name('retries-stream', defaultStreamNames.retries),
    backlogStream: name('backlog-stream', defaultStreamNames.backlog),
    deadLettersStream: name('dead-letters-stream', defaultStreamNames.deadLetters),
    stateBucket: name('state-bucket', defaultStreamNames.stateBucket),
    eventsMaxBytes: maxBytes('events', '4Gi', 'Size limit of the event stream; the oldest events go first.'),
    retriesMaxBytes: maxBytes('retries', '2Gi', 'Size limit of the retries.'),
    backlogMaxBytes: maxBytes('backlog', '4Gi', 'Size limit of the backlog of all Webhooks.'),
    deadLettersMaxBytes: maxBytes('dead-letters', '1Gi', 'Size limit of the dead letters; the oldest go first.'),
    stateMaxBytes: maxBytes('state', '256Mi', 'Size limit of the state of all Webhooks.'),
    eventsMaxAge: maxAge(
      'events',
      '24h',
      'How long events are kept: the longest outage of the operator that loses none.',
    ),
    backlogMaxAge: maxAge('backlog', '168h', 'How long events are held for a disabled or suspended Webhook.'),
    deadLettersMaxAge: maxAge('dead-letters', '336h', 'How long dead letters are kept.'),
  };
}

type OptionTable = typeof optionTable;
/** The process's configuration. Durations in milliseconds, sizes in bytes. */
export type Options = {
  readonly [K in keyof OptionTable]: OptionTable[K] extends WithDefault
    ? ReturnType<OptionTable[K]['parse']>
    : ReturnType<OptionTable[K]['parse']> | undefined;
};

/** The rows in the order of the help. */
export const optionRows: readonly (readonly [keyof Options, OptionDeclaration<unknown>])[] = Object.entries(
  optionTable,
) as [keyof Options, OptionDeclaration<unknown>][];
