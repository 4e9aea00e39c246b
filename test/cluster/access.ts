import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { openAuthority, type Authority, type Identity } from './certificates.ts';
import { TestClusterError } from './errors.ts';
import { temporaryFolder } from './scratch.ts';

/** All that another process needs to use a running control plane; plain data. */
export interface ControlPlaneInfo {
  readonly url: string;
  readonly caFile: string;
  readonly authority: Identity;
  readonly adminToken: string;
  readonly kubectl: string;
  readonly helm: string;
}

export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  /** 0 is success; -1 when a signal ended it. */
  readonly code: number;
}

export interface ApiResponse {
  readonly status: number;
  readonly body: string;
}

/** What a test may do with a control plane, whoever started it. */
export interface ControlPlaneAccess {
  readonly info: ControlPlaneInfo;
  readonly url: string;
  /** PEM of the authority that signed the API server's certificate, as a file and as text. */
  readonly caFile: string;
  readonly ca: string;
  /** Belongs to `system:masters`. */
  readonly adminToken: string;
  /** A kubeconfig file for {@link adminToken}. */
  readonly kubeconfig: string;
  /** A folder with `kubectl` and `helm` under these names, for somebody's PATH. */
  readonly tools: string;
  /** A new kubeconfig file for a user who need not be known before: they prove themselves with a client certificate. */
  kubeconfigFor(user: string, groups?: readonly string[]): string;
  /** A new kubeconfig file with a bearer token, such as one of {@link serviceAccountToken}. */
  kubeconfigForToken(token: string): string;
  /** A token of an existing ServiceAccount, valid for `expirationSeconds` (defaults to 3600, the server's minimum is 600). */
  serviceAccountToken(namespace: string, name: string, expirationSeconds?: number): Promise<string>;
  /** Runs kubectl as the admin; `--kubeconfig` among the arguments makes it somebody else. Never throws for a failed command. */
  kubectl(...args: readonly string[]): Promise<CommandResult>;
  /** `kubectl apply --server-side` of manifests given as text. Throws TestClusterError when the server refuses. */
  apply(manifests: string): Promise<string>;
  /** Runs helm as the admin, with caches of its own. Never throws for a failed command. */
  helm(...args: readonly string[]): Promise<CommandResult>;
  /** One request as the admin, outside of any client library. */
  request(method: string, path: string, body?: unknown): Promise<ApiResponse>;
}

/** Opens a control plane that is running, here or in another process. */
export function accessControlPlane(info: ControlPlaneInfo): ControlPlaneAccess {
  const folder = temporaryFolder('access');
  const authority = openAuthority(info.authority);
  const ca = readFileSync(info.caFile, 'utf8');
  let files = 0;
  const kubeconfigWith = (user: Readonly<Record<string, string>>) => {
    files += 1;
    const file = join(folder, `kubeconfig-${files}`);
    writeFileSync(file, kubeconfigOf(info, user), { mode: 0o600 });
    return file;
  };
  const kubeconfig = kubeconfigWith({ token: info.adminToken });
  const env = {
    KUBECONFIG: kubeconfig,
    KUBECACHEDIR: join(folder, 'kubectl'),
    HELM_CACHE_HOME: join(folder, 'helm-cache'),
    HELM_CONFIG_HOME: join(folder, 'helm-config'),
    HELM_DATA_HOME: join(folder, 'helm-data'),
  };
  const tools = join(folder, 'bin');
  mkdirSync(tools);
  symlinkSync(info.kubectl, join(tools, 'kubectl'));
  symlinkSync(info.helm, join(tools, 'helm'));
  const request = (method: string, path: string, body?: unknown) => send(info, ca, method, path, body);

  return {
    info,
    url: info.url,
    caFile: info.caFile,
    ca,
    adminToken: info.adminToken,
    kubeconfig,
    tools,
    kubeconfigFor: (user, groups = []) => kubeconfigWith(clientCertificate(authority, user, groups)),
    kubeconfigForToken: (token) => kubeconfigWith({ token }),
    serviceAccountToken: async (namespace, name, expirationSeconds = 3600) => {
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
      const response = await request('POST', path, {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { expirationSeconds },
      });
      if (response.status !== 201) throw new TestClusterError(`no token for ${namespace}/${name}: ${response.body}`);
      return (JSON.parse(response.body) as { readonly status: { readonly token: string } }).status.token;
    },
    kubectl: (...args) => run(info.kubectl, args, env),
    apply: async (manifests) => {
      const result = await run(info.kubectl, ['apply', '--server-side', '--filename=-'], env, manifests);
      if (result.code !== 0) throw new TestClusterError(`kubectl apply failed: ${result.stderr}`);
      return result.stdout;
    },
    helm: (...args) => run(info.helm, args, env),
    request,
  };
}

function clientCertificate(
  authority: Authority,
  user: string,
  groups: readonly string[],
): Readonly<Record<string, string>> {
  const identity = authority.issue({ commonName: user, organizations: groups });
  return {
    'client-certificate-data': Buffer.from(identity.certificate).toString('base64'),
    'client-key-data': Buffer.from(identity.key).toString('base64'),
  };
}

function kubeconfigOf(info: ControlPlaneInfo, user: Readonly<Record<string, string>>): string {
  // JSON is YAML.
  return JSON.stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'test', cluster: { server: info.url, 'certificate-authority': info.caFile } }],
      users: [{ name: 'user', user }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'user' } }],
      'current-context': 'test',
    },
    undefined,
    2,
  );
}

function run(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  input = '',
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...env }, maxBuffer: 64 * 1024 * 1024 };
    const child = execFile(command, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ stdout, stderr: code === -1 ? `${stderr}${error?.message ?? ''}` : stderr, code });
    });
    // A command that does not read its input may be gone before it is written.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}

function send(info: ControlPlaneInfo, ca: string, method: string, path: string, body: unknown): Promise<ApiResponse> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(new URL(path, info.url), {
      method,
      ca,
      agent: false,
      timeout: 10_000,
      headers: {
        authorization: `Bearer ${info.adminToken}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
    });
    request.once('timeout', () => request.destroy(new TestClusterError(`${method} ${path} got no answer in 10 s`)));
    request.once('error', reject);
    request.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => {
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') });
      });
    });
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
