import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ControlPlane } from '../cluster/control-plane.ts';
import { temporaryFolder } from '../cluster/scratch.ts';

/** A request as the API server's audit log shows it; `what` is `<verb> <resource>[/<subresource>][.<group>]`. */
export interface AuditedRequest {
  readonly what: string;
  readonly namespace: string | undefined;
  readonly code: number;
}

export interface AuditLog {
  /** For `startControlPlane`. */
  readonly apiServerArgs: readonly string[];
  /** All that `user` has asked for resources so far. */
  requestsOf(user: string): AuditedRequest[];
}

/** A log of who asked the API server for what. */
export function auditLog(): AuditLog {
  const folder = temporaryFolder('audit');
  const [policy, log] = [join(folder, 'policy.yaml'), join(folder, 'audit.log')];
  writeFileSync(
    policy,
    'apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{level: Metadata}]\n',
  );
  return {
    apiServerArgs: [`--audit-policy-file=${policy}`, `--audit-log-path=${log}`],
    requestsOf: (user) =>
      readFileSync(log, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as AuditEvent)
        .flatMap((event) => {
          const { objectRef: object, verb, responseStatus } = event;
          if (event.user.username !== user || object === undefined) return [];
          const what = `${verb} ${nameOf(object.resource, object.subresource, object.apiGroup)}`;
          return [{ what, namespace: object.namespace, code: responseStatus?.code ?? 0 }];
        }),
  };
}

interface AuditEvent {
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: {
    readonly resource: string;
    readonly subresource?: string;
    readonly apiGroup?: string;
    readonly namespace?: string;
  };
  readonly responseStatus?: { readonly code: number };
}

/** What a ServiceAccount may do in a namespace beyond what every ServiceAccount may, in the words of {@link AuditedRequest}. */
export async function grantsOf(
  plane: ControlPlane,
  account: { readonly namespace: string; readonly name: string },
  namespace: string,
): Promise<Set<string>> {
  const plain = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace: account.namespace, name: 'plain' } };
  await plane.apply(JSON.stringify(plain));
  const everybodys = await rulesOf(plane, await plane.serviceAccountToken(account.namespace, 'plain'), namespace);
  const token = await plane.serviceAccountToken(account.namespace, account.name);
  const granted = await rulesOf(plane, token, namespace);
  return new Set([...granted].filter((what) => !everybodys.has(what)));
}

interface RulesReview {
  readonly status: {
    readonly incomplete: boolean;
    readonly resourceRules: readonly {
      readonly verbs: readonly string[];
      readonly apiGroups?: readonly string[];
      readonly resources?: readonly string[];
    }[];
  };
}

async function rulesOf(plane: ControlPlane, token: string, namespace: string): Promise<Set<string>> {
  const review = join(temporaryFolder('review'), 'review.json');
  writeFileSync(
    review,
    JSON.stringify({
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectRulesReview',
      spec: { namespace },
    }),
  );
  const result = await plane.kubectl(
    'create',
    '--raw=/apis/authorization.k8s.io/v1/selfsubjectrulesreviews',
    `--filename=${review}`,
    `--kubeconfig=${plane.kubeconfigForToken(token)}`,
  );
  const { status } = JSON.parse(result.stdout) as RulesReview;
  return new Set(
    status.resourceRules.flatMap(({ verbs, apiGroups = [], resources = [] }) =>
      verbs.flatMap((verb) =>
        apiGroups.flatMap((group) => resources.map((resource) => `${verb} ${nameOf(resource, undefined, group)}`)),
      ),
    ),
  );
}

function nameOf(resource: string, subresource: string | undefined, group: string | undefined): string {
  const path = subresource === undefined ? resource : `${resource}/${subresource}`;
  return group === undefined || group === '' ? path : `${path}.${group}`;
}
