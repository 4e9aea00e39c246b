import { messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { keyOf, type KubeObject } from './kube-object.ts';

/**
 * Called after the cache changed: `old` is undefined for a new object, `current` for one that is gone. An object that was
 * deleted and made anew under its name is reported as the two changes that it is. Must only enqueue.
 */
export type ChangeHandler<T> = (key: string, old: T | undefined, current: T | undefined) => void;

/** The objects of one kind by key, each deeply frozen. Replaced as a whole after a LIST, one by one by a watch. */
export class ObjectCache<T extends KubeObject> {
  readonly #logger: Logger;
  readonly #objects = new Map<string, T>();
  readonly #handlers = new Set<ChangeHandler<T>>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  values(): T[] {
    return [...this.#objects.values()];
  }

  /** Returns a function that ends the subscription. */
  onChange(handler: ChangeHandler<T>): () => void {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  /** Stores what a watch event brought. Nothing happens when that very version is there already. */
  set(object: T): void {
    const key = keyOf(object.metadata);
    const old = this.#objects.get(key);
    if (old !== undefined && isSameVersion(old, object)) return;
    const frozen = deepFreeze(object);
    this.#objects.set(key, frozen);
    this.#notifyReplaced(key, old, frozen);
  }

  delete(object: KubeObject): void {
    const key = keyOf(object.metadata);
    const old = this.#objects.get(key);
    if (old === undefined || old.metadata.uid !== object.metadata.uid) return;
    this.#objects.delete(key);
    this.#notify(key, old, undefined);
  }

  /**
   * Makes the cache equal to `objects`, the whole of `namespace` (of everything when undefined). Readers see all of it or
   * nothing: handlers are called afterwards.
   */
  replace(namespace: string | undefined, objects: readonly T[]): void {
    const changes: { readonly key: string; readonly old: T | undefined; readonly current: T | undefined }[] = [];
    const listed = new Set<string>();
    for (const object of objects) {
      const key = keyOf(object.metadata);
      listed.add(key);
      const old = this.#objects.get(key);
      if (old !== undefined && isSameVersion(old, object)) continue;
      const frozen = deepFreeze(object);
      this.#objects.set(key, frozen);
      changes.push({ key, old, current: frozen });
    }
    for (const [key, old] of this.#objects) {
      if (listed.has(key) || (namespace !== undefined && old.metadata.namespace !== namespace)) continue;
      this.#objects.delete(key);
      changes.push({ key, old, current: undefined });
    }
    for (const { key, old, current } of changes) {
      if (current === undefined) this.#notify(key, old, undefined);
      else this.#notifyReplaced(key, old, current);
    }
  }

  #notifyReplaced(key: string, old: T | undefined, current: T): void {
    if (old !== undefined && old.metadata.uid !== current.metadata.uid) {
      this.#notify(key, old, undefined);
      this.#notify(key, undefined, current);
    } else {
      this.#notify(key, old, current);
    }
  }

  #notify(key: string, old: T | undefined, current: T | undefined): void {
    for (const handler of this.#handlers) {
      try {
        handler(key, old, current);
      } catch (error) {
        // One bad handler must not keep the others, or the watch, from going on.
        this.#logger.error('Change handler failed', { key, reason: messageOf(error), error });
      }
    }
  }
}

function isSameVersion(a: KubeObject, b: KubeObject): boolean {
  return a.metadata.uid === b.metadata.uid && a.metadata.resourceVersion === b.metadata.resourceVersion;
}

/** Freezes plain JSON data all the way down and returns it. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const each of Object.values(value)) deepFreeze(each);
  return Object.freeze(value);
}
