import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { type ControlPlane, startControlPlane } from '../cluster/control-plane.ts';
import { chart, podOf, render } from './render.ts';

// A control plane of its own: classes and CRDs belong to the whole cluster.
let cluster: ControlPlane;
beforeAll(async () => {
  cluster = await startControlPlane();
  await cluster.apply(
    stringify({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'hooks-system', labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
    }),
  );
});
afterAll(() => cluster?.stop());

const helm = (...args: readonly string[]) => cluster.helm(...args, '--namespace', 'hooks-system');
async function names(resource: string): Promise<string[]> {
  const result = await cluster.kubectl('get', resource, '--output=name', '--namespace=hooks-system');
  return result.stdout.trim().split('\n').filter(Boolean);
}

describe('helm install', () => {
  beforeAll(async () => {
    expect(await helm('install', 'hooks', chart)).toMatchObject({ code: 0, stderr: '' });
  });

  test('creates the CRDs and, in the same run, the classes that need them', async () => {
    expect(await names('crds')).toEqual([
      'customresourcedefinition.apiextensions.k8s.io/webhookclasses.webhook-operator.dev',
      'customresourcedefinition.apiextensions.k8s.io/webhooks.webhook-operator.dev',
    ]);
    const classes = await cluster.kubectl('get', 'whc', '--no-headers');
    expect(classes.stdout).toMatch(/^card-board .*\nin-cluster .*\nstandard +true +Challenge /);
  });

  test('creates what the operator runs with', async () => {
    expect(await names('deployments,serviceaccounts,services,roles,rolebindings')).toEqual(
      expect.arrayContaining([
        'deployment.apps/hooks-webhook-operator',
        'serviceaccount/hooks-webhook-operator',
        'service/hooks-webhook-operator-metrics',
        'role.rbac.authorization.k8s.io/hooks-webhook-operator-leases',
        'rolebinding.rbac.authorization.k8s.io/hooks-webhook-operator-leases',
      ]),
    );
  });

  test('makes pods that the restricted Pod Security Standard admits', async () => {
    const values = ['nats.auth.method=creds', 'nats.auth.existingSecret=s', 'nats.tls.existingSecret=t'];
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'probe', namespace: 'hooks-system' } };
    await cluster.apply(stringify({ ...pod, spec: podOf(await render(cluster, values)) }));
    await cluster.kubectl('delete', 'pod', 'probe', '--namespace=hooks-system', '--grace-period=0', '--force');
  });

  test.each([
    ['yes', 'list', 'webhooks.webhook-operator.dev', '--all-namespaces'],
    ['yes', 'watch', 'webhookclasses.webhook-operator.dev', '--all-namespaces'],
    ['yes', 'patch', 'webhooks.webhook-operator.dev', '--subresource=status', '--namespace=default'],
    ['yes', 'patch', 'webhookclasses.webhook-operator.dev', '--subresource=status'],
    ['yes', 'get', 'secrets', '--namespace=default'],
    ['yes', 'create', 'events.events.k8s.io', '--namespace=default'],
    ['yes', 'patch', 'events.events.k8s.io', '--namespace=default'],
    ['yes', 'watch', 'namespaces'],
    ['yes', 'list', 'customresourcedefinitions'],
    ['yes', 'create', 'leases.coordination.k8s.io', '--namespace=hooks-system'],
    ['yes', 'delete', 'leases.coordination.k8s.io', '--namespace=hooks-system'],
    ['no', 'update', 'webhooks.webhook-operator.dev', '--namespace=default'],
    ['no', 'patch', 'webhooks.webhook-operator.dev', '--namespace=default'],
    ['no', 'patch', 'webhookclasses.webhook-operator.dev'],
    ['no', 'list', 'secrets', '--namespace=default'],
    ['no', 'watch', 'secrets', '--all-namespaces'],
    ['no', 'create', 'leases.coordination.k8s.io', '--namespace=default'],
    ['no', 'update', 'leases.coordination.k8s.io', '--namespace=hooks-system'],
    ['no', 'create', 'pods', '--namespace=hooks-system'],
  ])('lets the ServiceAccount: %s to %s %s %s', async (answer, verb, resource, ...scope) => {
    const user = '--as=system:serviceaccount:hooks-system:hooks-webhook-operator';
    const result = await cluster.kubectl('auth', 'can-i', verb, resource, user, ...scope);
    expect(result.stdout.trim()).toBe(answer);
  });

  test('is followed by upgrades that change nothing but what was asked for', async () => {
    const before = await cluster.kubectl('get', 'whc', 'standard', '--output=jsonpath={.metadata.generation}');
    expect(await helm('upgrade', 'hooks', chart, '--set', 'logging.level=debug')).toMatchObject({ code: 0 });
    const after = await cluster.kubectl('get', 'whc', 'standard', '--output=jsonpath={.metadata.generation}');
    expect(after.stdout).toBe(before.stdout);
    const notes = await helm('get', 'notes', 'hooks');
    expect(notes.stdout).toContain('Helm does not upgrade CRDs');
  });

  test('can put the CRDs into the hands of Helm later, and uninstalling keeps them', async () => {
    const upgrade = await helm('upgrade', 'hooks', chart, '--set', 'crds.manage=true', '--take-ownership');
    expect(upgrade).toMatchObject({ code: 0, stderr: '' });
    expect(await helm('upgrade', 'hooks', chart, '--set', 'crds.manage=true')).toMatchObject({ code: 0 });
    expect(await helm('uninstall', 'hooks')).toMatchObject({ code: 0 });
    expect(await names('crds')).toHaveLength(2);
    expect(await names('deployments,whc')).toEqual([]);
  });

  test('works over CRDs that are there already', async () => {
    expect(await helm('install', 'hooks', chart, '--set', 'watchNamespaces={default}')).toMatchObject({ code: 0 });
    const user = '--as=system:serviceaccount:hooks-system:hooks-webhook-operator';
    const can = async (namespace: string) =>
      (await cluster.kubectl('auth', 'can-i', 'get', 'secrets', user, `--namespace=${namespace}`)).stdout.trim();
    expect([await can('default'), await can('hooks-system')]).toEqual(['yes', 'no']);
    expect(await helm('uninstall', 'hooks')).toMatchObject({ code: 0 });
  });
});

test('helm install --set crds.manage=true --take-ownership needs no second step', async () => {
  const args = ['install', 'hooks', chart, '--set', 'crds.manage=true', '--take-ownership'];
  expect(await helm(...args)).toMatchObject({ code: 0, stderr: '' });
  expect(await helm('uninstall', 'hooks')).toMatchObject({ code: 0 });
});
