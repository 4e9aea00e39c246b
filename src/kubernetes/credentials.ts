import { hash } from 'node:crypto';
import { OperatorError, messageOf } from '../errors.ts';

/** What one call to the API server needs. */
export interface ClusterCredentials {
  /** Scheme, host, port and perhaps a path prefix. */
  readonly server: string;
  /** `Authorization` and impersonation. */
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: {
    readonly ca?: string | Buffer;
    readonly cert?: string | Buffer;
    readonly key?: string | Buffer;
    readonly servername?: string;
    readonly rejectUnauthorized?: boolean;
  };
  /** `http://…` or `https://…`; absent = direct. */
  readonly proxyUrl?: string;
}

/** Where credentials come from. */
export interface CredentialSource {
  /** Namespace of the current context, or of the pod; undefined when none is named. */
  readonly namespace: string | undefined;
  /** The credentials of now; cheap enough for every call. */
  current(): Promise<ClusterCredentials>;
  /** Makes the next {@link current} read every file, and run every helper, anew. */
  invalidate(): void;
}

/** No usable kubeconfig, or one that asks for what we don't support. */
export class KubeconfigError extends OperatorError {
  readonly code = 'WHO_KUBECONFIG_INVALID';
}

/** Credentials that never change, for tests and tools. */
export function staticCredentials(credentials: ClusterCredentials, namespace?: string): CredentialSource {
  return { namespace, current: () => Promise.resolve(credentials), invalidate: () => {} };
}

/** Two credentials with the same fingerprint may share connections. */
export function connectionFingerprint(credentials: ClusterCredentials): string {
  const { ca, cert, key, servername, rejectUnauthorized } = credentials.tls;
  const parts = [credentials.server, credentials.proxyUrl, ca, cert, key, servername, rejectUnauthorized];
  return hash('sha256', JSON.stringify(parts.map((part) => (part === undefined ? null : part.toString()))));
}

/** Where the library goes when it found nothing: a guess at which a process would wait for ever. */
const LIBRARY_GUESS = { context: 'loaded-context', server: 'http://localhost:8080' } as const;

interface KubeconfigOptions {
  /** Path of a kubeconfig. Defaults to the first of `KUBECONFIG`, `~/.kube/config`, the pod's service account. */
  readonly path?: string | undefined;
  /** Milliseconds from any origin that never go back. */
  readonly monotonic: () => number;
  /** How long files are not looked at again. Defaults to 10 000 ms. */
  readonly rereadAfterMs?: number;
}

/**
 * Credentials from a kubeconfig or the pod's service account: tokens, rotating token files, client certificates, exec
 * plugins and OIDC, as `@kubernetes/client-node` implements them. All files, the kubeconfig too, are read again at most
 * every `rereadAfterMs`, so rotated tokens, client certificates and CAs are picked up. Throws {@link KubeconfigError}.
 */
export async function kubeconfigCredentials(options: KubeconfigOptions): Promise<CredentialSource> {
  // Loaded here and not at the top: the library takes 0.3 s to load, which only a real start should pay.
  const { KubeConfig } = await import('@kubernetes/client-node');
  type KubeConfigInstance = InstanceType<typeof KubeConfig>;

  const load = (): KubeConfigInstance => {
    const config = new KubeConfig();
    try {
      if (options.path === undefined) config.loadFromDefault();
      else config.loadFromFile(options.path);
    } catch (error) {
      throw new KubeconfigError(`cannot read the kubeconfig: ${messageOf(error)}`, { cause: error });
    }
    const cluster = config.getCurrentCluster();
    if (cluster === null) throw new KubeconfigError('the kubeconfig names no current cluster');
    if (config.getCurrentContext() === LIBRARY_GUESS.context && cluster.server === LIBRARY_GUESS.server) {
      throw new KubeconfigError('there is no kubeconfig, and no token of a ServiceAccount as pods have one');
    }
    if (cluster.proxyUrl !== undefined && !/^https?:/.test(cluster.proxyUrl)) {
      throw new KubeconfigError(`proxy-url ${cluster.proxyUrl} is not supported: use an http or https proxy`);
    }
    if (cluster.server.startsWith('http:')) {
      // The library refuses plain http without this flag; kubectl doesn't, and `kubectl proxy` is plain http.
      config.clusters = config.clusters.map((each) =>
        each.name === cluster.name ? { ...each, skipTLSVerify: true } : each,
      );
    }
    return config;
  };

  let config: KubeConfigInstance | undefined = load();
  const context = config.getContextObject(config.getCurrentContext());
  let cached: Promise<ClusterCredentials> | undefined;
  let cachedAt = 0;

  const read = async (): Promise<ClusterCredentials> => {
    config ??= load();
    return credentialsOf(config);
  };

  return {
    namespace: context?.namespace?.trim(),
    current: () => {
      const now = options.monotonic();
      if (cached === undefined || now - cachedAt >= (options.rereadAfterMs ?? 10_000)) {
        cachedAt = now;
        const reading = read();
        cached = reading;
        reading.catch(() => {
          if (cached === reading) cached = undefined;
        });
      }
      return cached;
    },
    invalidate: () => {
      cached = undefined;
      // The library keeps a token file's content for 60 s and an exec plugin's answer until it expires.
      config = undefined;
    },
  };
}

interface HttpsLikeOptions {
  headers?: Record<string, unknown>;
  ca?: string | Buffer;
  cert?: string | Buffer;
  key?: string | Buffer;
  servername?: string;
  rejectUnauthorized?: boolean;
  auth?: string;
}

interface KubeConfigLike {
  getCurrentCluster(): { readonly server: string; readonly proxyUrl?: string } | null;
  applyToHTTPSOptions(options: object): Promise<void>;
}

async function credentialsOf(config: KubeConfigLike): Promise<ClusterCredentials> {
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new KubeconfigError('the kubeconfig names no current cluster');
  const applied: HttpsLikeOptions = {};
  await config.applyToHTTPSOptions(applied);

  const headers: Record<string, string> = {};
  if (applied.auth !== undefined) {
    headers['authorization'] = `Basic ${Buffer.from(applied.auth).toString('base64')}`;
  }
  for (const [name, value] of Object.entries(applied.headers ?? {})) {
    // A token file may end in a newline, which no header may contain.
    headers[name.toLowerCase()] = String(value).trim();
  }
  const tls = {
    ...(applied.ca === undefined ? {} : { ca: applied.ca }),
    ...(applied.cert === undefined ? {} : { cert: applied.cert }),
    ...(applied.key === undefined ? {} : { key: applied.key }),
    ...(applied.servername === undefined ? {} : { servername: applied.servername }),
    ...(applied.rejectUnauthorized === undefined ? {} : { rejectUnauthorized: applied.rejectUnauthorized }),
  };
  return {
    server: cluster.server,
    headers,
    tls,
    ...(cluster.proxyUrl === undefined ? {} : { proxyUrl: cluster.proxyUrl }),
  };
}
