import { annotations } from '../api/metadata.ts';
import { parseWebhookClass, type Parsed } from '../api/parse.ts';
import type { WebhookClass } from '../api/webhook-class.ts';
import type { KubeObject } from '../kubernetes/kube-object.ts';
import type { Reflector } from '../kubernetes/reflector.ts';
import { admittedOrdered } from './home-slot.ts';
import { readWebhook } from './read-webhook.ts';
import type { KnownClass, ReadWebhook } from './resolution.ts';

type ObjectSource = Pick<Reflector<KubeObject>, 'get' | 'list' | 'relist' | 'onChange'>;

export interface CatalogOptions {
  readonly webhooks: ObjectSource;
  readonly classes: ObjectSource;
  readonly namespaces: ObjectSource;
}

const noLabels = {};

/**
 * What the API server holds, read: Webhooks, the classes as they are or were last, the labels of namespaces. Everything is
 * parsed once per version of an object.
 */
export class Catalog {
  readonly webhooks: ObjectSource;
  readonly classes: ObjectSource;
  readonly namespaces: ObjectSource;
  readonly #read = new WeakMap<KubeObject, ReadWebhook | undefined>();
  readonly #parsedClasses = new WeakMap<KubeObject, Parsed<WebhookClass>>();
  /** The last valid version of every class that was seen, also of deleted ones. */
  readonly #lastValid = new Map<string, WebhookClass>();
  #ordered: ReadonlySet<string> | undefined;
  #defaultClass: { readonly name: string | undefined } | undefined;

  constructor(options: CatalogOptions) {
    this.webhooks = options.webhooks;
    this.classes = options.classes;
    this.namespaces = options.namespaces;
    this.classes.onChange((_key, old, current) => {
      this.#ordered = undefined;
      this.#defaultClass = undefined;
      // The old one too: it may be one that was there before we began to listen.
      for (const object of [old, current]) if (object !== undefined) this.#remember(object);
    });
    this.webhooks.onChange(() => {
      this.#ordered = undefined;
    });
  }

  /** Undefined when there is none, or when it is no Kubernetes object. */
  webhook(key: string): ReadWebhook | undefined {
    const object = this.webhooks.get(key);
    return object === undefined ? undefined : this.#readOnce(object);
  }

  *allWebhooks(): IterableIterator<ReadWebhook> {
    for (const object of this.webhooks.list()) {
      const webhook = this.#readOnce(object);
      if (webhook !== undefined) yield webhook;
    }
  }

  parsedClass(name: string): Parsed<WebhookClass> | undefined {
    const object = this.classes.get(name);
    return object === undefined ? undefined : this.#parseOnce(object);
  }

  /** A class whose present version breaks a rule counts as it was last valid. */
  readonly findClass = (name: string): KnownClass | undefined => {
    const object = this.classes.get(name);
    if (object !== undefined) this.#remember(object);
    const lastValid = this.#lastValid.get(name);
    if (lastValid === undefined) return undefined;
    return { class: lastValid, known: object === undefined ? 'LastKnown' : 'Current' };
  };

  /** Of several classes that are marked as default the newest counts, as with StorageClasses. */
  get defaultClassName(): string | undefined {
    this.#defaultClass ??= { name: this.#findDefaultClass() };
    return this.#defaultClass.name;
  }

  #findDefaultClass(): string | undefined {
    const marked = this.classes
      .list()
      .filter(({ metadata }) => metadata.annotations?.[annotations.isDefaultClass] === 'true')
      .map(({ metadata }) => metadata)
      .sort((a, b) => compare(b.creationTimestamp ?? '', a.creationTimestamp ?? '') || compare(a.name, b.name));
    return marked[0]?.name;
  }

  readonly namespaceLabels = (namespace: string): Readonly<Record<string, string>> =>
    this.namespaces.get(namespace)?.metadata.labels ?? noLabels;

  /** Whether an ordered webhook is among those that the install takes. */
  isOrderedAdmitted(uid: string): boolean {
    this.#ordered ??= admittedOrdered(this.allWebhooks(), this);
    return this.#ordered.has(uid);
  }

  /** Resolves when everything here is from consistent LISTs that began after the call. */
  async relist(): Promise<void> {
    await Promise.all([this.webhooks.relist(), this.classes.relist(), this.namespaces.relist()]);
  }

  #readOnce(object: KubeObject): ReadWebhook | undefined {
    if (!this.#read.has(object)) this.#read.set(object, readWebhook(object));
    return this.#read.get(object);
  }

  #parseOnce(object: KubeObject): Parsed<WebhookClass> {
    const parsed = this.#parsedClasses.get(object) ?? parseWebhookClass(object);
    this.#parsedClasses.set(object, parsed);
    return parsed;
  }

  #remember(object: KubeObject): void {
    const parsed = this.#parseOnce(object);
    if (parsed.valid) this.#lastValid.set(object.metadata.name, parsed.object);
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
