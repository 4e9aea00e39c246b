import { apiVersion } from '../api/metadata.ts';
import type { ChangeHandler } from '../kubernetes/object-cache.ts';
import { ObjectCache } from '../kubernetes/object-cache.ts';
import type { KubeObject } from '../kubernetes/kube-object.ts';
import { silentLogger } from '../logger.ts';
import { Catalog } from './catalog.ts';

type Fields = Readonly<Record<string, unknown>>;

export function webhookObject(namespace: string, name: string, spec: Fields = {}, rest: Fields = {}): KubeObject {
  const { metadata = {}, ...others } = rest as { readonly metadata?: object };
  const object = {
    apiVersion,
    kind: 'Webhook',
    metadata: { namespace, name, uid: `uid-${name}`, generation: 1, ...metadata },
    spec: { url: 'https://example.com/hook', events: ['>'], ...spec },
    ...others,
  };
  return object;
}

export function classObject(name: string, spec: Fields = {}, metadata: Fields = {}): KubeObject {
  const object = {
    apiVersion,
    kind: 'WebhookClass',
    metadata: { name, uid: `uid-class-${name}`, generation: 1, ...metadata },
    spec,
  };
  return object;
}

export function namespaceObject(name: string, labels: Readonly<Record<string, string>> = {}): KubeObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, uid: `uid-ns-${name}`, labels } };
}

/** A reflector without an API server: objects come and go by its methods. */
export class ObjectSource {
  readonly #cache = new ObjectCache<KubeObject>(silentLogger);
  #versions = 0;
  relists = 0;

  get(key: string): KubeObject | undefined {
    return this.#cache.get(key);
  }

  list(): readonly KubeObject[] {
    return this.#cache.values();
  }

  onChange(handler: ChangeHandler<KubeObject>): () => void {
    return this.#cache.onChange(handler);
  }

  relist(): Promise<number> {
    this.relists += 1;
    return Promise.resolve(0);
  }

  set(object: KubeObject): void {
    this.#versions += 1;
    this.#cache.set({ ...object, metadata: { ...object.metadata, resourceVersion: String(this.#versions) } });
  }

  delete(object: KubeObject): void {
    this.#cache.delete(object);
  }
}

export function catalogFixture() {
  const webhooks = new ObjectSource();
  const classes = new ObjectSource();
  const namespaces = new ObjectSource();
  return { webhooks, classes, namespaces, catalog: new Catalog({ webhooks, classes, namespaces }) };
}
