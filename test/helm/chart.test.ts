import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseOptions } from '../../src/ops/options.ts';
import { optionRows } from '../../src/ops/option-table.ts';
import { sharedControlPlane } from '../cluster/shared.ts';
import { chart, chartFile, objectOf, podOf, render, type Rendered, template } from './render.ts';

const cluster = sharedControlPlane();
const examples = new URL('../../examples/classes/', import.meta.url);

function optionsOf(objects: readonly Rendered[]) {
  const { args, env } = podOf(objects).containers[0];
  // A value from a field of the pod is known only there; the schema of both options takes any name.
  const variables = Object.fromEntries(env.map(({ name, value }) => [name, value ?? 'from-a-field']));
  return parseOptions(args, variables);
}

test('passes helm lint, strictly', async () => {
  expect(await cluster.helm('lint', '--strict', chart)).toMatchObject({ code: 0 });
});

describe('arguments and environment', () => {
  test('of the defaults are what the process takes, and equal its own defaults', async () => {
    const options = optionsOf(await render(cluster));
    expect(options).toEqual({
      ...parseOptions([], {}),
      natsURLs: ['nats://nats.nats.svc:4222'],
      podName: 'from-a-field',
      leaseNamespace: 'from-a-field',
    });
  });

  test('cover every option but those that make no sense in a pod', async () => {
    const values = [
      'watchNamespaces={a,b}',
      'nats.tls.existingSecret=t',
      'nats.tls.clientCertificate=true',
      'nats.auth.existingSecret=s',
    ];
    const seen = new Set<string>();
    for (const method of ['creds', 'nkey', 'token']) {
      const objects = await render(cluster, [...values, `nats.auth.method=${method}`]);
      optionsOf(objects);
      const { args, env } = podOf(objects).containers[0];
      for (const argument of args) seen.add(argument.split('=')[0] ?? '');
      for (const { name } of env) seen.add(name);
    }
    const missing = optionRows.filter(([, { flag, env }]) => !seen.has(flag) && !seen.has(env)).map(([key]) => key);
    expect(missing).toEqual(['kubeconfig']);
  });

  test.each([
    [['watchNamespaces={team-a,team-b}'], { watchNamespaces: ['team-a', 'team-b'] }],
    [['nats.url=tls://a:4222\\,tls://b:4222'], { natsURLs: ['tls://a:4222', 'tls://b:4222'] }],
    [['shutdownTimeoutSeconds=90', 'terminationGracePeriodSeconds=120'], { shutdownTimeout: 90_000 }],
    [['metrics.perWebhook=failing', 'metrics.port=9090'], { metricsPerWebhook: 'failing' }],
    [['streams.mode=External', 'streams.replicas=3'], { streams: 'External', streamReplicas: 3 }],
    [['streams.events.maxBytes=20Gi', 'streams.events.maxAge=72h'], { eventsMaxBytes: 20 * 2 ** 30 }],
    [['nats.auth.method=nkey', 'nats.auth.existingSecret=s'], { natsNkey: '/etc/webhook-operator/nats-auth/nkey' }],
    [
      ['nats.auth.method=token', 'nats.auth.existingSecret=s', 'nats.auth.key=t'],
      { natsTokenFile: '/etc/webhook-operator/nats-auth/t' },
    ],
    [
      ['nats.tls.existingSecret=s', 'nats.tls.clientCertificate=true'],
      { natsCA: '/etc/webhook-operator/nats-tls/ca.crt', natsCert: '/etc/webhook-operator/nats-tls/tls.crt' },
    ],
  ])('follow %j', async (values, expected) => {
    expect(optionsOf(await render(cluster, values))).toMatchObject(expected);
  });
});

describe('objects', () => {
  test('of the defaults are these and no others', async () => {
    const objects = await render(cluster);
    expect(objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      'ServiceAccount hooks-webhook-operator',
      'ClusterRole hooks-system-hooks-webhook-operator',
      'ClusterRoleBinding hooks-system-hooks-webhook-operator',
      'Role hooks-webhook-operator-leases',
      'RoleBinding hooks-webhook-operator-leases',
      'Service hooks-webhook-operator-metrics',
      'Deployment hooks-webhook-operator',
      'WebhookClass card-board',
      'WebhookClass in-cluster',
      'WebhookClass standard',
    ]);
  });

  test('carry the common labels, and select pods by name and instance only', async () => {
    const objects = await render(cluster, ['commonLabels.team=platform']);
    for (const { metadata } of objects) {
      expect(metadata.labels).toMatchObject({ team: 'platform', 'app.kubernetes.io/instance': 'hooks' });
    }
    const labels = { 'app.kubernetes.io/name': 'webhook-operator', 'app.kubernetes.io/instance': 'hooks' };
    expect(objectOf(objects, 'Deployment').spec).toMatchObject({ selector: { matchLabels: labels } });
    expect(objectOf(objects, 'Service').spec).toMatchObject({ selector: labels });
  });

  test.each([
    ['a-release-name-of-the-longest-kind-that-helm-takes-53', []],
    ['hooks', [`fullnameOverride=${'x'.repeat(80)}`]],
    ['hooks', [`nameOverride=${'y'.repeat(80)}`]],
  ])('have names and labels of at most 63 characters for %s %j', async (release, values) => {
    const objects = await render(
      cluster,
      [...values, 'podDisruptionBudget.create=true', 'watchNamespaces={a}'],
      release,
    );
    for (const { kind, metadata } of objects) {
      expect([kind, metadata.name]).toEqual([kind, expect.stringMatching(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/)]);
      for (const value of Object.values(metadata.labels ?? {})) expect(value.length).toBeLessThanOrEqual(63);
    }
  });

  test('can be left out one by one', async () => {
    const objects = await render(cluster, [
      'serviceAccount.create=false',
      'serviceAccount.name=mine',
      'rbac.create=false',
      'metrics.service.create=false',
      'classes.standard.install=false',
      'classes.inCluster.install=false',
      'classes.cardBoard.install=false',
      'classes.default=',
    ]);
    expect(objects.map(({ kind }) => kind)).toEqual(['Deployment']);
    expect(podOf(objects)).toMatchObject({ serviceAccountName: 'mine' });
  });

  test.each([
    [[], 'webhook-operator:0.1.0'],
    [['image.tag=1.2'], 'webhook-operator:1.2'],
    [['image.repository=a.example/x/y', 'image.tag=v1'], 'a.example/x/y:v1'],
    [['image.repository=a.example/x/y', 'global.imageRegistry=b.example:5000'], 'b.example:5000/x/y:0.1.0'],
    [['image.repository=x/y', 'global.imageRegistry=b.example'], 'b.example/x/y:0.1.0'],
    [[`image.digest=sha256:${'0'.repeat(64)}`, 'image.tag=v1'], `webhook-operator@sha256:${'0'.repeat(64)}`],
  ])('take their image from %j', async (values, image) => {
    expect(podOf(await render(cluster, values)).containers[0].image).toBe(image);
  });
});

describe('classes', () => {
  test('are those of examples/classes', async () => {
    const objects = await render(cluster);
    for (const name of ['standard', 'in-cluster', 'card-board']) {
      const example = parse(readFileSync(new URL(`${name}.yaml`, examples), 'utf8')) as Rendered;
      const rendered = objectOf(objects, 'WebhookClass', name);
      expect(rendered.spec).toEqual(example.spec);
      expect(rendered.metadata.annotations).toEqual(example.metadata.annotations);
    }
  });

  test('have the default and the ranges that the values name', async () => {
    const objects = await render(cluster, [
      'classes.default=card-board',
      'classes.inCluster.allowedCIDRs={10.1.0.0/16}',
    ]);
    const isDefault = { 'webhook-operator.dev/is-default-class': 'true' };
    expect(objectOf(objects, 'WebhookClass', 'card-board').metadata.annotations).toEqual(isDefault);
    expect(objectOf(objects, 'WebhookClass', 'standard').metadata.annotations).toBeUndefined();
    expect(objectOf(objects, 'WebhookClass', 'in-cluster').spec).toMatchObject({
      network: { allowedCIDRs: ['10.1.0.0/16'] },
    });
  });
});

describe('roles', () => {
  test('say above each rule why it is there', () => {
    const lines = readFileSync(chartFile('templates/rbac.yaml'), 'utf8').split('\n');
    const rules = lines.flatMap((line, index) => (/^ *- apiGroups:/.test(line) ? [index] : []));
    expect(rules.length).toBeGreaterThan(8);
    expect(
      rules.filter((index) => !/^ *# [A-Z].*[.]$/.test(lines[index - 1] ?? '')).map((index) => lines[index]),
    ).toEqual([]);
  });

  test('hold no wildcard, and read Secrets only one by one', async () => {
    for (const values of [[], ['watchNamespaces={a,b}']]) {
      const rules = (await render(cluster, values)).flatMap((object) => object.rules ?? []);
      expect(JSON.stringify(rules)).not.toContain('*');
      const verbs = rules.filter(({ resources }) => resources.includes('secrets')).flatMap((rule) => rule.verbs);
      expect(new Set(verbs)).toEqual(new Set(['get']));
    }
  });

  test('are bound in the watched namespaces only, when there are such', async () => {
    const objects = await render(cluster, ['watchNamespaces={team-a,team-b}']);
    const clusterWide = objectOf(objects, 'ClusterRole').rules?.flatMap(({ resources }) => resources);
    expect(clusterWide).toEqual(['webhookclasses', 'webhookclasses/status', 'namespaces', 'customresourcedefinitions']);
    const bindings = objects.filter(({ kind }) => kind === 'RoleBinding').map(({ metadata }) => metadata.namespace);
    expect(bindings).toEqual(expect.arrayContaining(['team-a', 'team-b', 'hooks-system']));
    const role = objects.find(({ kind, metadata }) => kind === 'Role' && metadata.namespace === 'team-b');
    expect(role?.rules?.flatMap(({ resources }) => resources)).toEqual([
      'webhooks',
      'webhooks/status',
      'secrets',
      'events',
    ]);
  });
});

describe('refuses with a clear message', () => {
  test.each([
    ['replicaCount=many', "at '/replicaCount': got string, want integer"],
    ['nats.url=http://nats', "at '/nats/url': 'http://nats' does not match pattern"],
    ['nats.url=nats://user:pass@nats', "at '/nats/url':"],
    ['streams.replicas=2', "at '/streams/replicas': value must be one of 1, 3, 5"],
    ['streams.events.maxBytes=4GB', "at '/streams/events/maxBytes'"],
    ['streams.events.maxAge=7d', "at '/streams/events/maxAge'"],
    ['logging.level=trace', "at '/logging/level': value must be one of 'debug', 'info', 'error'"],
    ['replicas=2', "additional properties 'replicas' not allowed"],
    ['image.tag=1', "at '/image/tag': got number, want string"],
    ['image.tga=1', "at '/image': additional properties 'tga' not allowed"],
    ['extraArgs={stray}', "at '/extraArgs/0'"],
    ['nats.auth.method=creds', 'nats.auth.existingSecret is required when nats.auth.method is creds'],
    ['nats.auth.existingSecret=s', 'nats.auth.method must say what nats.auth.existingSecret holds'],
    ['nats.tls.clientCertificate=true', 'nats.tls.existingSecret is required when nats.tls.clientCertificate is true'],
    [
      'shutdownTimeoutSeconds=40',
      'terminationGracePeriodSeconds (45) must be at least 10 more than shutdownTimeoutSeconds (40)',
    ],
    ['health.port=8080', 'metrics.port and health.port must differ'],
    ['classes.standard.install=false', 'classes.default is standard, but that class is not installed'],
    ['serviceAccount.create=false', 'serviceAccount.name is required when serviceAccount.create is false'],
    ['nats.volumeSize=14Gi', 'more than 80 % of nats.volumeSize'],
  ])('%s', async (value, message) => {
    const result = await template(cluster, [value]);
    expect(result.code).not.toBe(0);
    expect(result.stderr).toContain(message);
  });

  test('but takes streams that fit into the volume, and what a parent chart passes on', async () => {
    const result = await template(cluster, ['nats.volumeSize=15Gi', 'global.other=x', 'enabled=true']);
    expect(result).toMatchObject({ code: 0 });
  });
});
