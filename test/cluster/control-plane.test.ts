import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startControlPlane, type ControlPlane } from './control-plane.ts';

const crd = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.example.dev' },
  spec: {
    group: 'example.dev',
    scope: 'Namespaced',
    names: { kind: 'Widget', plural: 'widgets', singular: 'widget' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: {
                type: 'object',
                properties: { size: { type: 'integer' } },
                'x-kubernetes-validations': [{ rule: 'self.size < 10', message: 'size is too large' }],
              },
            },
          },
        },
      },
    ],
  },
};

const widget = (size: number) =>
  JSON.stringify({
    apiVersion: 'example.dev/v1',
    kind: 'Widget',
    metadata: { name: 'a', namespace: 'team-a' },
    spec: { size },
  });

describe('a control plane', () => {
  let cluster: ControlPlane;

  beforeAll(async () => {
    cluster = await startControlPlane();
    await cluster.apply(JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team-a' } }));
    await cluster.apply(JSON.stringify(crd));
    await cluster.kubectl('wait', '--for=condition=Established', 'crd/widgets.example.dev', '--timeout=20s');
  });

  afterAll(async () => {
    await cluster.stop();
  });

  test('serves a custom resource and judges it by the CEL rules of its CRD', async () => {
    expect(await cluster.apply(widget(3))).toContain('widget.example.dev/a serverside-applied');
    await expect(cluster.apply(widget(30))).rejects.toThrow('size is too large');
  });

  test('is of the pinned version', async () => {
    const version = await cluster.kubectl('version', '--output=json');
    expect(JSON.parse(version.stdout)).toMatchObject({
      clientVersion: { gitVersion: 'v1.36.3' },
      serverVersion: { gitVersion: 'v1.36.3', major: '1', minor: '36' },
    });
  });

  test('answers a failed command with its code and message', async () => {
    const result = await cluster.kubectl('get', 'nothing');
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('"nothing"');
  });

  test('gives any user a kubeconfig that RBAC judges by name and group', async () => {
    await cluster.kubectl('create', 'clusterrole', 'viewer', '--verb=list', '--resource=pods');
    await cluster.kubectl('create', 'clusterrolebinding', 'viewers', '--clusterrole=viewer', '--group=viewers');
    const inside = cluster.kubeconfigFor('alice', ['viewers']);
    const outside = cluster.kubeconfigFor('bob');
    expect(await cluster.kubectl('get', 'pods', `--kubeconfig=${inside}`)).toMatchObject({ code: 0 });
    expect((await cluster.kubectl('get', 'pods', `--kubeconfig=${outside}`)).stderr).toContain(
      'User "bob" cannot list',
    );
  });

  test('issues tokens for ServiceAccounts', async () => {
    await expect(cluster.serviceAccountToken('team-a', 'robot')).rejects.toThrow('not found');
    await cluster.kubectl('create', 'serviceaccount', 'robot', '--namespace=team-a');
    const kubeconfig = cluster.kubeconfigForToken(await cluster.serviceAccountToken('team-a', 'robot', 600));
    const result = await cluster.kubectl('auth', 'whoami', `--kubeconfig=${kubeconfig}`);
    expect(result.stdout).toContain('system:serviceaccount:team-a:robot');
  });

  test('has a helm that talks to it', async () => {
    expect((await cluster.helm('version', '--short')).stdout).toContain('v3.22.0');
    expect(await cluster.helm('list', '--all-namespaces')).toMatchObject({ code: 0 });
  });

  test.each(['restart', 'kill'] as const)('keeps address and data over a %s of the API server', async (how) => {
    await cluster.apply(widget(4));
    if (how === 'restart') await cluster.apiServer.restart();
    else {
      await cluster.apiServer.kill();
      await expect(cluster.request('GET', '/readyz')).rejects.toThrow('ECONNREFUSED');
      await cluster.apiServer.start();
    }
    const result = await cluster.kubectl('get', 'widget', 'a', '--namespace=team-a', '--output=jsonpath={.spec.size}');
    expect(result).toMatchObject({ stdout: '4', code: 0 });
  });

  test('holds its connections open without an answer while the API server is paused', async () => {
    cluster.apiServer.pause();
    const answer = cluster.request('GET', '/readyz').then(() => 'answered');
    expect(await Promise.race([answer, delay(300, 'silent')])).toBe('silent');
    cluster.apiServer.resume();
    expect(await answer).toBe('answered');
  });
});
