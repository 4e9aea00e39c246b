import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { connectionFingerprint, kubeconfigCredentials, type ClusterCredentials } from './credentials.ts';

let folder: string;
let now: number;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kubeconfig-'));
  now = 0;
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function kubeconfig(user: object, cluster: object = {}): string {
  return file(
    'kubeconfig',
    // JSON is YAML.
    JSON.stringify({
      clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:6443', ...cluster } }],
      users: [{ name: 'u', user }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u', namespace: 'ops' } }],
      'current-context': 'x',
    }),
  );
}

function load(path: string | undefined) {
  return kubeconfigCredentials({ path, monotonic: () => now });
}

describe('kubeconfigCredentials', () => {
  it('reads server, CA, token and namespace', async () => {
    const ca = file('ca.crt', 'the CA');
    const source = await load(
      kubeconfig({ token: 'secret' }, { 'certificate-authority': ca, 'tls-server-name': 'api' }),
    );
    expect(source.namespace).toBe('ops');
    expect(await source.current()).toEqual({
      server: 'https://127.0.0.1:6443',
      headers: { authorization: 'Bearer secret' },
      tls: { ca: Buffer.from('the CA'), servername: 'api' },
    });
  });

  it('finds files beside the kubeconfig', async () => {
    file('ca.crt', 'the CA');
    const source = await load(kubeconfig({}, { 'certificate-authority': 'ca.crt' }));
    expect((await source.current()).tls.ca).toEqual(Buffer.from('the CA'));
  });

  it('reads client certificates, a password, impersonation and insecure-skip-tls-verify', async () => {
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    const certificate = { 'client-certificate-data': base64('cert'), 'client-key-data': base64('key') };
    const source = await load(kubeconfig(certificate, { 'insecure-skip-tls-verify': true }));
    expect((await source.current()).tls).toEqual({
      cert: Buffer.from('cert'),
      key: Buffer.from('key'),
      rejectUnauthorized: false,
    });
    const basic = await load(kubeconfig({ username: 'me', password: 'pw', as: 'other' }));
    expect((await basic.current()).headers).toEqual({
      authorization: `Basic ${base64('me:pw')}`,
      'impersonate-user': 'other',
    });
  });

  it('reads a token file again after 10 s, without the newline at its end', async () => {
    const tokenFile = file('token', 'one\n');
    const source = await load(kubeconfig({ 'auth-provider': { name: 'tokenFile', config: { tokenFile } } }));
    expect((await source.current()).headers).toEqual({ authorization: 'Bearer one' });
    file('token', 'two\n');
    now = 9_999;
    expect((await source.current()).headers).toEqual({ authorization: 'Bearer one' });
    source.invalidate();
    expect((await source.current()).headers).toEqual({ authorization: 'Bearer two' });
  });

  it('sees a changed CA after 10 s, and a changed kubeconfig when invalidated', async () => {
    const ca = file('ca.crt', 'one');
    const path = kubeconfig({ token: 'a' }, { 'certificate-authority': ca });
    const source = await load(path);
    const before = await source.current();
    file('ca.crt', 'two');
    now = 10_000;
    const after = await source.current();
    expect(after.tls.ca).toEqual(Buffer.from('two'));
    expect(connectionFingerprint(after)).not.toBe(connectionFingerprint(before));
    kubeconfig({ token: 'b' });
    source.invalidate();
    expect((await source.current()).headers).toEqual({ authorization: 'Bearer b' });
  });

  it('runs an exec plugin', async () => {
    const plugin = file(
      'plugin.cjs',
      `console.log(JSON.stringify({ status: { token: process.env.WHO + process.argv[2] } }));`,
    );
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: process.execPath,
      args: [plugin, '-token'],
      env: [{ name: 'WHO', value: 'plugin' }],
    };
    const source = await load(kubeconfig({ exec }));
    expect((await source.current()).headers).toEqual({ authorization: 'Bearer plugin-token' });
  });

  it('tries again after a file could not be read', async () => {
    const tokenFile = join(folder, 'token');
    const source = await load(kubeconfig({ 'auth-provider': { name: 'tokenFile', config: { tokenFile } } }));
    await expect(source.current()).rejects.toThrow('ENOENT');
    file('token', 'one');
    expect((await source.current()).headers).toEqual({ authorization: 'Bearer one' });
  });

  it('takes plain http, as `kubectl proxy` serves it, and an http proxy', async () => {
    const source = await load(
      kubeconfig({}, { server: 'http://127.0.0.1:8001', 'proxy-url': 'http://127.0.0.1:3128' }),
    );
    expect(await source.current()).toMatchObject({
      server: 'http://127.0.0.1:8001',
      proxyUrl: 'http://127.0.0.1:3128',
    });
  });

  it('uses KUBECONFIG when no path is given', async () => {
    vi.stubEnv('KUBECONFIG', kubeconfig({ token: 'from-env' }));
    const source = await load(undefined);
    expect((await source.current()).headers).toEqual({ authorization: 'Bearer from-env' });
  });

  it.each([
    ['a missing file', () => join(folder, 'none'), 'cannot read the kubeconfig: ENOENT'],
    ['what is no YAML', () => file('kubeconfig', '{'), 'cannot read the kubeconfig'],
    ['no current context', () => file('kubeconfig', '{"clusters":[],"users":[],"contexts":[]}'), 'no current cluster'],
    [
      'a SOCKS proxy',
      () => kubeconfig({}, { 'proxy-url': 'socks5://127.0.0.1:1' }),
      'socks5://127.0.0.1:1 is not supported',
    ],
  ])('refuses %s', async (_what, path, message) => {
    await expect(load(path())).rejects.toMatchObject({ code: 'WHO_KUBECONFIG_INVALID' });
    await expect(load(path())).rejects.toThrow(message);
  });
});

describe('connectionFingerprint', () => {
  const base: ClusterCredentials = { server: 'https://a', headers: {}, tls: { ca: 'x' } };

  it('does not change with the token', () => {
    expect(connectionFingerprint({ ...base, headers: { authorization: 'Bearer 2' } })).toBe(
      connectionFingerprint(base),
    );
  });

  it.each<Partial<ClusterCredentials>>([
    { server: 'https://b' },
    { proxyUrl: 'http://p' },
    { tls: {} },
    { tls: { cert: 'x' } },
    { tls: { ca: 'x', key: 'k' } },
    { tls: { ca: 'x', servername: 's' } },
    { tls: { ca: 'x', rejectUnauthorized: false } },
  ])('changes with %j', (change) => {
    expect(connectionFingerprint({ ...base, ...change })).not.toBe(connectionFingerprint(base));
  });
});
