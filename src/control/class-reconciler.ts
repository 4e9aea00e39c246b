import { setCondition, type NewClassCondition } from '../api/conditions.ts';
import type { Parsed } from '../api/parse.ts';
import { describeProblems } from '../api/problem.ts';
import { webhookClassStatusSchema, type WebhookClass, type WebhookClassStatus } from '../api/webhook-class.ts';
import type { Clock } from '../clock.ts';
import type { Reconcile } from '../kubernetes/controller.ts';
import type { KubeObject } from '../kubernetes/kube-object.ts';
import type { StatusWriter } from '../kubernetes/status-writer.ts';
import type { Catalog } from './catalog.ts';

export interface ClassReconcilerOptions {
  readonly catalog: Pick<Catalog, 'classes' | 'parsedClass'>;
  readonly statuses: Pick<StatusWriter, 'write' | 'forget'>;
  /** There is one writer of an install: the owner of slot 0. */
  readonly isWriter: () => boolean;
  readonly clock: Clock;
}

/** Shows in the status of each WebhookClass whether Webhooks can use it. */
export function classReconciler({ catalog, statuses, isWriter, clock }: ClassReconcilerOptions): Reconcile {
  return async (name, { logger }) => {
    const object = catalog.classes.get(name);
    const parsed = catalog.parsedClass(name);
    if (object === undefined || parsed === undefined) {
      statuses.forget(name);
      return;
    }
    if (!parsed.valid) {
      logger.error('WebhookClass is not valid; its last valid version counts', {
        class: name,
        problems: describeProblems(parsed.problems),
      });
    }
    if (isWriter()) statuses.write(name, classStatus(object, parsed, clock.now()), { urgent: true });
  };
}

/** Pure. The same conditions keep their times. */
export function classStatus(object: KubeObject, parsed: Parsed<WebhookClass>, now: number): WebhookClassStatus {
  const { generation = 0 } = object.metadata;
  const before = webhookClassStatusSchema.safeParse((object as { readonly status?: unknown }).status).data;
  const ready: NewClassCondition = parsed.valid
    ? {
        type: 'Ready',
        status: 'True',
        reason: 'Valid',
        message: 'Webhooks can use the class.',
        observedGeneration: generation,
      }
    : {
        type: 'Ready',
        status: 'False',
        reason: 'InvalidSpec',
        message: describeProblems(parsed.problems),
        observedGeneration: generation,
      };
  return { observedGeneration: generation, conditions: [...setCondition(before?.conditions ?? [], ready, now)] };
}
