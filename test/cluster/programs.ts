import { createHash } from 'node:crypto';

export const programNames = ['nats-server', 'etcd', 'helm', 'kubectl', 'kube-apiserver'] as const;
export type ProgramName = (typeof programNames)[number];

/** How a program of the test cluster is built from public Go modules. */
export interface Program {
  readonly version: string;
  /** The package with its `main`. */
  readonly package: string;
  /** The go.mod that it is built in. It pins every version: Go selects the rest from these, always the same. */
  readonly module: string;
  /** Variables set by the linker. */
  readonly variables: Readonly<Record<string, string>>;
  /** How long the first build took on two cores, in milliseconds; to tell people what to expect. */
  readonly expectedMs: number;
}

const kubernetesMinor = 36;
const kubernetesPatch = 3;
const kubernetesVersion = `1.${kubernetesMinor}.${kubernetesPatch}`;

// k8s.io/kubernetes requires these as v0.0.0, replaced by folders of its own repository, which no other module sees.
const staging = `
  api apiextensions-apiserver apimachinery apiserver cli-runtime client-go cloud-provider cluster-bootstrap
  code-generator component-base component-helpers controller-manager cri-api cri-client cri-streaming
  csi-translation-lib dynamic-resource-allocation endpointslice externaljwt kms kube-aggregator
  kube-controller-manager kube-proxy kube-scheduler kubectl kubelet metrics mount-utils pod-security-admission
  sample-apiserver sample-cli-plugin sample-controller streaming`
  .trim()
  .split(/\s+/);

function goModule(require: string, tool: string, more = ''): string {
  return `module webhook-operator.dev/test/cluster\n\ngo 1.26.0\n\nrequire ${require}\n\ntool ${tool}\n${more}`;
}

function kubernetes(command: string, expectedMs: number): Program {
  const replaced = staging.map(
    (name) => `\tk8s.io/${name} => k8s.io/${name} v0.${kubernetesMinor}.${kubernetesPatch}\n`,
  );
  const path = `k8s.io/kubernetes/cmd/${command}`;
  return {
    version: kubernetesVersion,
    package: path,
    module: goModule(`k8s.io/kubernetes v${kubernetesVersion}`, path, `\nreplace (\n${replaced.join('')})\n`),
    variables: {
      'k8s.io/component-base/version.gitVersion': `v${kubernetesVersion}`,
      'k8s.io/component-base/version.gitMajor': '1',
      'k8s.io/component-base/version.gitMinor': String(kubernetesMinor),
    },
    expectedMs,
  };
}

const helmPackage = 'helm.sh/helm/v3/cmd/helm';

export const programs: Readonly<Record<ProgramName, Program>> = {
  'nats-server': {
    version: '2.15.2',
    package: 'github.com/nats-io/nats-server/v2',
    module: goModule('github.com/nats-io/nats-server/v2 v2.15.2', 'github.com/nats-io/nats-server/v2'),
    variables: {},
    expectedMs: 30_000,
  },
  etcd: {
    version: '3.6.16',
    package: 'go.etcd.io/etcd/server/v3',
    module: goModule('go.etcd.io/etcd/server/v3 v3.6.16', 'go.etcd.io/etcd/server/v3'),
    variables: {},
    expectedMs: 30_000,
  },
  helm: {
    version: '3.22.0',
    package: helmPackage,
    module: goModule('helm.sh/helm/v3 v3.22.0', helmPackage),
    variables: {
      'helm.sh/helm/v3/internal/version.version': 'v3.22.0',
      // Without them `helm template` and `helm lint` believe in a Kubernetes of 2020.
      'helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor': '1',
      'helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor': String(kubernetesMinor),
      'helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor': '1',
      'helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor': String(kubernetesMinor),
    },
    expectedMs: 60_000,
  },
  kubectl: kubernetes('kubectl', 60_000),
  'kube-apiserver': kubernetes('kube-apiserver', 180_000),
};

/** Name of the built file: another version or another recipe is another file. */
export function cachedFileName(name: ProgramName): string {
  const program = programs[name];
  const recipe = createHash('sha256').update(JSON.stringify([program.package, program.module, program.variables]));
  return `${name}-${program.version}-${recipe.digest('hex').slice(0, 8)}`;
}
