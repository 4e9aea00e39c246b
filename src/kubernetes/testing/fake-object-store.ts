import type { KubeObject } from '../kube-object.ts';

export interface FakeChange {
  readonly version: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  /** The paths whose watches see it: the namespace's collection and the one over all namespaces. */
  readonly collections: readonly string[];
  readonly object: StoredObject;
}

export type StoredObject = KubeObject & { readonly [field: string]: unknown };

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

interface StoreRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: { readonly 'content-type'?: string | undefined };
  readonly body: string;
}

/** The objects behind a {@link FakeApiServer}, with the history that watches read. */
export class FakeObjectStore {
  readonly #objects = new Map<string, StoredObject>();
  readonly #history: FakeChange[] = [];
  readonly #subscribers = new Set<(change: FakeChange) => void>();
  #version = 100;
  #uids = 0;
  /** Watches from before this version are answered with 410. */
  oldestVersion = 0;

  get version(): number {
    return this.#version;
  }

  get size(): number {
    return this.#objects.size;
  }

  changesSince(version: number): FakeChange[] {
    return this.#history.filter((change) => change.version > version);
  }

  subscribe(subscriber: (change: FakeChange) => void): () => void {
    this.#subscribers.add(subscriber);
    return () => this.#subscribers.delete(subscriber);
  }

  /** Forgets the history, as etcd's compaction does. */
  compact(): void {
    this.#history.length = 0;
    this.oldestVersion = this.#version + 1;
    this.#version += 1;
  }

  get(path: string): StoredObject | undefined {
    return this.#objects.get(path);
  }

  /** Creates or replaces the object at `path`, with the version and uid of its own that the server gives. */
  put(path: string, object: KubeObject): StoredObject {
    const existing = this.#objects.get(path);
    this.#version += 1;
    if (existing === undefined) this.#uids += 1;
    const stored: StoredObject = {
      ...object,
      metadata: {
        ...object.metadata,
        uid: existing?.metadata.uid ?? `uid-${this.#uids}`,
        resourceVersion: String(this.#version),
      },
    };
    this.#objects.set(path, stored);
    this.#record(existing === undefined ? 'ADDED' : 'MODIFIED', path, stored);
    return stored;
  }

  remove(path: string): void {
    const existing = this.#objects.get(path);
    if (existing === undefined) return;
    this.#version += 1;
    this.#objects.delete(path);
    const metadata = { ...existing.metadata, resourceVersion: String(this.#version) };
    this.#record('DELETED', path, { ...existing, metadata });
  }

  handle(request: StoreRequest): Answer {
    const path = request.path.replace(/\/status$/, '');
    switch (request.method) {
      case 'GET':
        return request.query.has('limit') ? this.#list(path, request.query) : this.#found(path);
      case 'POST': {
        const object = JSON.parse(request.body) as KubeObject;
        const target = `${path}/${object.metadata.name}`;
        return this.#objects.has(target)
          ? failure(409, 'AlreadyExists')
          : { status: 201, body: this.put(target, object) };
      }
      case 'PATCH':
        return this.#patch(path, JSON.parse(request.body) as StoredObject);
      case 'DELETE': {
        const found = this.#found(path);
        this.remove(path);
        return found;
      }
      default:
        return failure(405, 'MethodNotAllowed');
    }
  }

  #patch(path: string, patch: StoredObject): Answer {
    const existing = this.#objects.get(path);
    if (existing === undefined) return failure(404, 'NotFound');
    const version = (patch.metadata as Partial<KubeObject['metadata']> | undefined)?.resourceVersion;
    if (version !== undefined && version !== existing.metadata.resourceVersion) return failure(409, 'Conflict');
    return { status: 200, body: this.put(path, merge(existing, patch) as StoredObject) };
  }

  #found(path: string): Answer {
    const object = this.#objects.get(path);
    return object === undefined ? failure(404, 'NotFound') : { status: 200, body: object };
  }

  #list(path: string, query: URLSearchParams): Answer {
    const limit = Number(query.get('limit'));
    const offset = Number(query.get('continue') ?? 0);
    const [name, value] = (query.get('labelSelector') ?? '').split('=');
    const all = [...this.#objects]
      .filter(([key]) => collectionsOf(key).includes(path))
      .map(([, object]) => object)
      .filter((object) => !name || object.metadata.labels?.[name] === value);
    const rest = all.length - offset - limit;
    const metadata = {
      resourceVersion: String(this.#version),
      ...(rest > 0 ? { continue: String(offset + limit) } : {}),
    };
    return { status: 200, body: { kind: 'List', metadata, items: all.slice(offset, offset + limit) } };
  }

  #record(type: FakeChange['type'], path: string, object: StoredObject): void {
    const change = { version: this.#version, type, collections: collectionsOf(path), object };
    this.#history.push(change);
    for (const subscriber of this.#subscribers) subscriber(change);
  }
}

function collectionsOf(path: string): string[] {
  const collection = path.slice(0, path.lastIndexOf('/'));
  return [collection, collection.replace(/\/namespaces\/[^/]+/, '')];
}

function failure(code: number, reason: string): Answer {
  return { status: code, body: { kind: 'Status', code, reason, message: `${reason} (fake)` } };
}

/** JSON merge patch, RFC 7386. */
function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const base = typeof target === 'object' && target !== null && !Array.isArray(target) ? target : {};
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merge(result[key], value);
  }
  return result;
}
