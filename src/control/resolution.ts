import type { ObjectMeta } from '../api/metadata.ts';
import type { Problem } from '../api/problem.ts';
import type { WebhookClass } from '../api/webhook-class.ts';
import type { WebhookStatus } from '../api/webhook-status.ts';
import type { WebhookSpec } from '../api/webhook.ts';
import type { HoldReason, WebhookConfig } from '../delivery/webhook-config.ts';
import type { SecretKeyRef, SecretResult } from '../kubernetes/secret-reader.ts';

/** A Webhook as far as it can be read; `readWebhook` makes it. */
export interface ReadWebhook {
  readonly metadata: ObjectMeta & { readonly namespace: string };
  /** The whole spec, or of a spec that breaks a rule those members that are valid alone. */
  readonly spec: Partial<WebhookSpec>;
  /** The patterns in `spec.events` that are valid. */
  readonly patterns: readonly string[];
  readonly status: WebhookStatus | undefined;
  /** What breaks a rule of the API; empty = valid. */
  readonly problems: readonly Problem[];
}

export interface KnownClass {
  readonly class: WebhookClass;
  /** `LastKnown` = it does not exist any more: this is how it was. */
  readonly known: 'Current' | 'LastKnown';
}

/** Reads one key of a Secret; `kubernetes/SecretReader` is one. */
export interface SecretPort {
  read(ref: SecretKeyRef): Promise<SecretResult>;
}

export interface ResolveInput {
  readonly webhook: ReadWebhook;
  /** Undefined = there is none of this name, and there never was one that this process saw. */
  readonly findClass: (name: string) => KnownClass | undefined;
  /** Name of the class that is marked as default; undefined when none is. */
  readonly defaultClassName: string | undefined;
  readonly namespaceLabels: Readonly<Record<string, string>>;
  readonly secrets: SecretPort;
  /** Whether this webhook is among the ordered ones that the install takes (the oldest 200); meaningless for others. */
  readonly orderedAdmitted: boolean;
  /** Whether the webhook is worked in order, as it was when it was first seen; undefined while that is not known here. */
  readonly boundOrdered?: boolean | undefined;
  /** What this webhook came to the last time: parts that did not change are taken over from it, the same objects. */
  readonly previous?: Resolution | undefined;
}

/** What a Webhook, its class and its Secrets come to. */
export interface Resolution {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** `metadata.generation` that was looked at. */
  readonly generation: number;
  /**
   * For the engine; the same object as before when nothing changed. Undefined while no source is known, or the webhook is
   * one ordered webhook too many: then it was never verified, is owed nothing, and has no lane.
   */
  readonly config: WebhookConfig | undefined;
  /** For `status.className`: the class that was found last; undefined until one was. */
  readonly className: string | undefined;
  /** For `status.source`; undefined until a class was found that takes webhooks of the namespace. */
  readonly source: string | undefined;
  /** Why nothing may be delivered now; `config.hold` is its reason. `message` is fit for a condition. */
  readonly hold: { readonly reason: HoldReason; readonly message: string } | undefined;
  /** `sha256:` + hex of the URL; also known while something else keeps `config.target` from being built. */
  readonly urlHash: string | undefined;
  /** Secrets are not watched: resolve again within 30 s when it uses any. */
  readonly usesSecrets: boolean;
  /** A Secret could not be read because of the API server; what was known of it is used further. Resolve again soon. */
  readonly readFailed: boolean;
}
