import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { provideBinaries } from './binaries.ts';
import type { Identity } from './certificates.ts';
import { controllableServer, type ControllableServer } from './controllable-server.ts';
import { freePort } from './ports.ts';
import { temporaryFolder } from './scratch.ts';

export interface NatsTls extends Identity {
  /** PEM of the authority that client certificates are checked against. */
  readonly ca: string;
  /** Clients must show a certificate. Defaults to false. */
  readonly verify?: boolean;
}

export interface NatsOptions {
  /** More lines for the configuration file: authorization, accounts, limits. */
  readonly config?: string;
  /** More lines for its `jetstream` block. */
  readonly jetstream?: string;
  readonly tls?: NatsTls;
  /** Defaults to a new temporary folder, removed when this process ends. */
  readonly storeDir?: string;
  /** Defaults to a free one. */
  readonly port?: number;
  /** Defaults to `nats`. */
  readonly name?: string;
}

/** A nats-server with JetStream on 127.0.0.1. */
export interface NatsServer extends ControllableServer {
  readonly name: string;
  /** For clients; `tls://` when it was started with TLS. The same after every restart. */
  readonly url: string;
  /** Of its monitoring endpoints: `/varz`, `/jsz`, `/healthz`. */
  readonly monitorUrl: string;
  readonly storeDir: string;
}

/** Starts one server and waits until JetStream answers. */
export async function startNats(options: NatsOptions = {}): Promise<NatsServer> {
  const server = await prepare(options);
  await server.start();
  return server;
}

export interface NatsCluster {
  readonly servers: readonly NatsServer[];
  /** All URLs, comma-separated. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts `size` servers that form one JetStream cluster, and waits until they have a leader. */
export async function startNatsCluster(
  size = 3,
  options: Omit<NatsOptions, 'port' | 'storeDir' | 'name'> = {},
): Promise<NatsCluster> {
  const ports = await Promise.all(Array.from({ length: size }, freePort));
  const routes = ports.map((port) => `"nats://127.0.0.1:${port}"`).join(', ');
  const servers = await Promise.all(
    ports.map((port, index) => {
      const cluster = `cluster { name: test, listen: "127.0.0.1:${port}", routes: [${routes}] }`;
      return prepare({ ...options, name: `nats-${index}`, config: `${options.config ?? ''}\n${cluster}\n` });
    }),
  );
  await Promise.all(servers.map((server) => server.start()));
  return {
    servers,
    url: servers.map((server) => server.url).join(','),
    stop: async () => {
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}

async function prepare(options: NatsOptions): Promise<NatsServer> {
  const name = options.name ?? 'nats';
  const { 'nats-server': command } = await provideBinaries(['nats-server']);
  const folder = temporaryFolder(name);
  const port = options.port ?? (await freePort());
  const monitorPort = await freePort();
  const storeDir = options.storeDir ?? join(folder, 'store');
  mkdirSync(storeDir, { recursive: true });
  const configFile = join(folder, 'nats.conf');
  writeFileSync(configFile, configuration({ ...options, name, port, monitorPort, storeDir }, folder));
  const monitorUrl = `http://127.0.0.1:${monitorPort}`;
  const server = controllableServer({
    name,
    port,
    command,
    args: ['--config', configFile],
    logFile: join(folder, 'nats.log'),
    // Healthy includes: JetStream is up, and in a cluster: it has a leader and this server has caught up with it.
    check: async () => (await fetch(`${monitorUrl}/healthz`)).ok,
  });
  return {
    ...server,
    name,
    url: `${options.tls === undefined ? 'nats' : 'tls'}://127.0.0.1:${port}`,
    monitorUrl,
    storeDir,
  };
}

interface Settings extends NatsOptions {
  readonly name: string;
  readonly port: number;
  readonly monitorPort: number;
  readonly storeDir: string;
}

function configuration(settings: Settings, folder: string): string {
  return [
    `server_name: "${settings.name}"`,
    `listen: "127.0.0.1:${settings.port}"`,
    `http: "127.0.0.1:${settings.monitorPort}"`,
    // The default limit is a share of the free disk: what fits would depend on the machine.
    `jetstream { store_dir: ${JSON.stringify(settings.storeDir)}, max_mem: 256MB, max_file: 20GB\n${settings.jetstream ?? ''}\n}`,
    ...(settings.tls === undefined ? [] : [tlsBlock(settings.tls, folder)]),
    settings.config ?? '',
    '',
  ].join('\n');
}

function tlsBlock(tls: NatsTls, folder: string): string {
  const file = (name: string, content: string) => {
    const path = join(folder, name);
    writeFileSync(path, content, { mode: 0o600 });
    return JSON.stringify(path);
  };
  return `tls { cert_file: ${file('tls.crt', tls.certificate)}, key_file: ${file('tls.key', tls.key)}, ca_file: ${file('ca.crt', tls.ca)}, verify: ${tls.verify === true} }`;
}
