/** What a room of `src` may import beside its own files and the shared ports. Everything else is refused. */
export interface Room {
  /** In a word, as in the table of `docs/architecture.md`. */
  readonly mustNotKnow: string;
  readonly may: readonly Permission[];
  /** Modules and rooms that must not even be reached through others when the program runs. */
  readonly neverReaches: readonly string[];
}

export interface Permission {
  /** A room (`delivery/`), a file (`src/…`) or a module. */
  readonly to: string;
  /** Only these files of the room. Defaults to all. */
  readonly from?: readonly string[];
  readonly typesOnly?: true;
  readonly why: string;
}

/** Ports and values that every room may use. */
export const sharedFiles = ['src/errors.ts', 'src/clock.ts', 'src/logger.ts', 'src/version.ts'];

/** Wiring: may import everything, and nobody imports it. */
export const wiring = ['src/exit-codes.ts', 'src/main.ts', 'src/operator.ts'];

const sockets = ['node:net', 'node:tls', 'node:http', 'node:https', 'node:http2', 'node:dgram', 'node:dns'];
const http = ['node:http', 'node:https', 'node:http2', 'undici'];
const nats = ['@nats-io/transport-node', '@nats-io/jetstream'];

export const rooms: Readonly<Record<string, Room>> = {
  api: {
    mustNotKnow: 'anything that does I/O',
    neverReaches: [
      ...sockets,
      ...http,
      ...nats,
      '@kubernetes/client-node',
      'net/',
      'ops/',
      'jetstream/',
      'kubernetes/',
    ],
    may: [
      { to: 'zod', why: 'the kinds are zod schemas' },
      { to: 'ipaddr.js', why: 'reads CIDRs' },
      { to: 'yaml', from: ['generated-files.ts'], why: 'CRDs are written as YAML' },
      { to: 'node:fs', from: ['generate.ts'], why: 'the command that writes the CRDs; nothing imports it' },
      { to: 'node:url', from: ['generate.ts'], why: 'the same' },
      { to: 'delivery/', typesOnly: true, why: 'a spec resolves to what the engine takes' },
      {
        to: 'src/delivery/forbidden-headers.ts',
        from: ['headers.ts'],
        why: 'pure: what a request reserves for itself',
      },
    ],
  },
  delivery: {
    mustNotKnow: 'Kubernetes',
    neverReaches: ['@kubernetes/client-node', ...nats, 'api/', 'kubernetes/', 'control/', 'ops/'],
    may: [
      { to: 'node:crypto', why: 'hashes, signatures, random tokens' },
      { to: '@marcbachmann/cel-js', from: ['filter.ts', 'filter-cost.ts', 'filter-error.ts'], why: 'filters are CEL' },
      { to: 'jetstream/', why: 'the engine stores through the broker’s port and the stores above it' },
      { to: 'undici', from: ['http-faults.ts', 'http-exchange.ts'], why: 'the sender' },
      { to: 'node:http', from: ['http-exchange.ts'], typesOnly: true, why: 'types of response headers' },
      { to: 'node:diagnostics_channel', from: ['http-sender.ts'], why: 'undici tells there when a request was sent' },
      { to: 'net/', from: ['http-faults.ts', 'http-sender.ts'], why: 'guarded agents and their refusals' },
    ],
  },
  jetstream: {
    mustNotKnow: 'HTTP, Kubernetes',
    neverReaches: [...http, '@kubernetes/client-node', 'api/', 'kubernetes/', 'control/', 'net/', 'ops/'],
    may: [
      ...nats.map((to) => ({ to, why: 'the client' })),
      { to: 'node:fs', from: ['connection.ts'], why: 'credentials and certificates lie in files' },
      { to: 'src/delivery/event-identity.ts', from: ['event-reference.ts'], why: 'pure: the key that names an event' },
    ],
  },
  kubernetes: {
    mustNotKnow: 'NATS, HTTP delivery',
    neverReaches: [...nats, 'delivery/', 'jetstream/', 'api/', 'control/', 'net/', 'ops/'],
    may: [
      { to: '@kubernetes/client-node', from: ['credentials.ts'], why: 'reads kubeconfigs' },
      { to: 'undici', from: ['transport.ts'], why: 'one dispatcher to the API server' },
      { to: 'undici', from: ['api-caller.ts'], typesOnly: true, why: 'the same' },
      { to: 'node:crypto', why: 'hashes for ranks, names and change detection' },
    ],
  },
  control: {
    mustNotKnow: 'sockets',
    neverReaches: [],
    may: [
      { to: 'api/', why: 'what control is about' },
      { to: 'delivery/', why: 'what control is about' },
      { to: 'jetstream/', why: 'what control is about' },
      { to: 'kubernetes/', why: 'what control is about' },
      { to: 'node:crypto', why: 'hashes of URLs' },
      { to: 'zod', typesOnly: true, why: 'types of schemas' },
    ],
  },
  net: {
    mustNotKnow: 'the rest',
    neverReaches: ['api/', 'control/', 'delivery/', 'jetstream/', 'kubernetes/', 'ops/'],
    may: [
      { to: 'undici', why: 'agents' },
      { to: 'ipaddr.js', why: 'reads addresses' },
      { to: 'node:net', why: 'connects' },
      { to: 'node:tls', why: 'connects' },
      { to: 'node:dns', why: 'looks names up' },
    ],
  },
  ops: {
    mustNotKnow: 'decisions',
    neverReaches: [
      'control/',
      'src/delivery/engine.ts',
      'src/delivery/webhook-state.ts',
      '@kubernetes/client-node',
      ...nats,
    ],
    may: [
      { to: 'pino', why: 'logs' },
      { to: 'prom-client', why: 'metrics' },
      ...['node:http', 'node:net', 'node:stream', 'node:stream/promises', 'node:zlib', 'node:timers/promises'].map(
        (to) => ({ to, why: 'serves probes and metrics' }),
      ),
      { to: 'node:fs', from: ['pod-identity.ts'], why: 'the pod’s namespace lies in a file' },
      { to: 'node:os', from: ['pod-identity.ts'], why: 'the pod’s name is its host name' },
      { to: 'delivery/', typesOnly: true, why: 'implements the ports of the engine for metrics' },
      { to: 'kubernetes/', typesOnly: true, why: 'implements the observers of queues, watches and the client' },
      { to: 'jetstream/', typesOnly: true, why: 'options become what the connection takes' },
      { to: 'src/delivery/attempt.ts', why: 'the list of reasons: values of a label' },
      { to: 'src/delivery/lane-services.ts', why: 'the list of losses: values of a label' },
      { to: 'src/kubernetes/controller.ts', why: 'the list of results: values of a label' },
      { to: 'src/jetstream/subjects.ts', why: 'the default names of streams' },
      { to: 'src/api/duration.ts', why: 'flags are durations as the API’s are' },
    ],
  },
};
