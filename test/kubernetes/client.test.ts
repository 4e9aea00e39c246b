/** The client's TLS, credentials and patches against a real API server. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { createKubeClient, type KubeClient } from '../../src/kubernetes/client.ts';
import { createAuthority } from '../cluster/certificates.ts';
import { sharedControlPlane } from '../cluster/shared.ts';
import { clientFrom, CONFIG_MAPS, createNamespace, credentialsFrom, type ConfigMap } from './support.ts';

let client: KubeClient;
let namespace: string;
let folder: string;

beforeAll(async () => {
  client = await clientFrom(sharedControlPlane().kubeconfig);
  namespace = await createNamespace(client, 'client');
  folder = mkdtempSync(join(tmpdir(), 'client-'));
});

afterAll(() => {
  client?.close();
  rmSync(folder, { recursive: true });
});

function configMap(name: string, data: Record<string, string>): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name }, data };
}

/** A copy of a kubeconfig with other values for its user and cluster. */
function variant(user: object, cluster: object = {}): string {
  const original = JSON.parse(readFileSync(sharedControlPlane().kubeconfig, 'utf8')) as {
    clusters: { cluster: object }[];
  };
  const path = join(folder, `kubeconfig-${Math.random()}`);
  const clusters = original.clusters.map((each) => ({ ...each, cluster: { ...each.cluster, ...cluster } }));
  writeFileSync(path, JSON.stringify({ ...original, clusters, users: [{ name: 'user', user }] }));
  return path;
}

describe('The client on a real API server', () => {
  it('patches in three ways, and applies only what it owns unless it forces', async () => {
    const ref = { namespace, name: 'patched' };
    await client.create(CONFIG_MAPS, configMap('patched', { a: '1' }));
    await client.patch(CONFIG_MAPS, ref, { data: { b: '2', a: null } }, { type: 'merge' });
    await client.patch(CONFIG_MAPS, ref, [{ op: 'add', path: '/data/c', value: '3' }], { type: 'json' });
    expect((await client.get<ConfigMap>(CONFIG_MAPS, ref)).data).toEqual({ b: '2', c: '3' });

    const apply = { type: 'apply', fieldManager: 'one' } as const;
    await client.patch(CONFIG_MAPS, ref, configMap('patched', { d: '4', e: '5' }), apply);
    await client.patch(CONFIG_MAPS, ref, configMap('patched', { d: '4' }), apply);
    expect((await client.get<ConfigMap>(CONFIG_MAPS, ref)).data).toEqual({ b: '2', c: '3', d: '4' });
    const other = { type: 'apply', fieldManager: 'two' } as const;
    const conflict = client.patch(CONFIG_MAPS, ref, configMap('patched', { d: '6' }), other);
    await expect(conflict).rejects.toMatchObject({ status: 409, reason: 'Conflict' });
    await client.patch(CONFIG_MAPS, ref, configMap('patched', { d: '6' }), { ...other, force: true });
    expect((await client.get<ConfigMap>(CONFIG_MAPS, ref)).data?.d).toBe('6');
  });

  it('deletes only the very object that its preconditions name', async () => {
    const { metadata } = await client.create(CONFIG_MAPS, configMap('deleted', {}));
    const wrong = client.delete(CONFIG_MAPS, metadata, { preconditions: { uid: 'another' } });
    await expect(wrong).rejects.toMatchObject({ status: 409 });
    await client.delete(CONFIG_MAPS, metadata, { preconditions: { uid: metadata.uid ?? '' } });
    await expect(client.get(CONFIG_MAPS, metadata)).rejects.toMatchObject({ status: 404, reason: 'NotFound' });
    await expect(client.create(CONFIG_MAPS, { ...configMap('Bad_Name', {}) })).rejects.toMatchObject({
      status: 422,
      reason: 'Invalid',
    });
  });

  it('gets in with a client certificate and is told what it may not do', async () => {
    const stranger = await clientFrom(sharedControlPlane().kubeconfigFor('stranger'));
    await expect(stranger.list(CONFIG_MAPS, { namespace })).rejects.toMatchObject({
      status: 403,
      reason: 'Forbidden',
      message: expect.stringContaining('User "stranger" cannot list resource "configmaps"') as string,
    });
    stranger.close();
  });

  it('goes on when the token in a file is replaced, without being told', async () => {
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, 'expired');
    const path = variant({ 'auth-provider': { name: 'tokenFile', config: { tokenFile } } });
    const codes: string[] = [];
    const rotating = createKubeClient({
      credentials: await credentialsFrom(path),
      clock: systemClock,
      observer: { requestFinished: ({ code }) => codes.push(code) },
    });
    await expect(rotating.list(CONFIG_MAPS, { namespace })).rejects.toMatchObject({ status: 401 });
    writeFileSync(tokenFile, `${sharedControlPlane().adminToken}\n`);
    await rotating.list(CONFIG_MAPS, { namespace });
    // The old token is still in memory, is refused once more, and then read again.
    expect(codes).toEqual(['401', '401', '401', '200']);
    rotating.close();
  });

  it('refuses a server that its CA did not sign, and accepts it once the CA file is right', async () => {
    const caFile = join(folder, 'ca.crt');
    writeFileSync(caFile, createAuthority().certificate);
    const path = variant({ token: sharedControlPlane().adminToken }, { 'certificate-authority': caFile });
    const strict = await clientFrom(path);
    await expect(strict.list(CONFIG_MAPS, { namespace })).rejects.toMatchObject({
      status: 0,
      reason: 'ConnectionFailed',
      message: expect.stringMatching(/certificate/) as string,
    });
    writeFileSync(caFile, sharedControlPlane().ca);
    await strict.list(CONFIG_MAPS, { namespace });
    strict.close();
  });

  it('watches from a position and is told when that is not there', async () => {
    const { resourceVersion } = await client.list(CONFIG_MAPS, { namespace });
    const abort = new AbortController();
    const watch = { namespace, timeoutSeconds: 300, signal: abort.signal };
    const lines = await client.watch(CONFIG_MAPS, { ...watch, resourceVersion });
    await client.create(CONFIG_MAPS, configMap('watched', { text: 'Grüße' }));
    for await (const line of lines) {
      expect(JSON.parse(line)).toMatchObject({ type: 'ADDED', object: { data: { text: 'Grüße' } } });
      break;
    }
    abort.abort();
    const none = client.watch(CONFIG_MAPS, {
      namespace,
      timeoutSeconds: 300,
      signal: AbortSignal.abort(),
      resourceVersion,
    });
    await expect(none).rejects.toMatchObject({ reason: 'Aborted' });
  });
});
