import { hasStatus } from './api-error.ts';
import { ApiCaller, type KubeClientOptions } from './api-caller.ts';
import type { CallOptions, KubeRequest, Query } from './kube-request.ts';
import { LineSplitter } from './line-splitter.ts';
import { resourcePath, type KubeObject, type ObjectRef, type ResourceType } from './kube-object.ts';

export interface Selection {
  /** Absent = all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

export interface ListPage<T> {
  readonly items: readonly T[];
  /** The same on every page of one LIST; a watch may start from it. */
  readonly resourceVersion: string;
}

/** How a patch body is to be read; `apply` is server-side apply. */
export type PatchStrategy =
  | { readonly type: 'merge' }
  | { readonly type: 'json' }
  | { readonly type: 'apply'; readonly fieldManager: string; readonly force?: boolean };

export interface WatchOptions extends Selection {
  readonly resourceVersion: string;
  /** After this many seconds the server ends the watch. */
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal;
  /** Called for every chunk of bytes, also for those that end no line. */
  readonly onActivity?: () => void;
  /** Limit for the response head, in milliseconds. Defaults to 30 000. */
  readonly headTimeoutMs?: number;
}

/** The API server as this project uses it. Every method rejects with an `ApiError`. */
export interface KubeClient {
  get<T extends KubeObject>(type: ResourceType, ref: ObjectRef, options?: CallOptions): Promise<T>;
  /** All objects of one consistent read, fetched in pages of 500. */
  list<T extends KubeObject>(type: ResourceType, options?: Selection & CallOptions): Promise<ListPage<T>>;
  /** As {@link list}, a page at a time. Rejects with status 410 when the snapshot expires on the way. */
  listPages<T extends KubeObject>(type: ResourceType, options?: Selection & CallOptions): AsyncIterable<ListPage<T>>;
  create<T extends KubeObject>(type: ResourceType, object: T, options?: CallOptions): Promise<T>;
  patch<T extends KubeObject>(
    type: ResourceType,
    ref: ObjectRef,
    patch: unknown,
    strategy: PatchStrategy,
    options?: CallOptions,
  ): Promise<T>;
  /** Patches the `/status` subresource. */
  patchStatus<T extends KubeObject>(
    type: ResourceType,
    ref: ObjectRef,
    patch: unknown,
    strategy: PatchStrategy,
    options?: CallOptions,
  ): Promise<T>;
  /** Deletes, with preconditions only that very object. */
  delete(
    type: ResourceType,
    ref: ObjectRef,
    options?: CallOptions & { readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string } },
  ): Promise<void>;
  /**
   * Opens a watch and returns its lines, each one event as JSON. Ends when the server ends it; throws an
   * `ApiError` when the connection breaks, a `LineTooLongError` for a line above 8 MiB. Never tried again here.
   */
  watch(type: ResourceType, options: WatchOptions): Promise<AsyncIterable<string>>;
  /** Any other call; resolves to the parsed JSON body. */
  request<T>(request: KubeRequest): Promise<T>;
  /** Cuts all connections; every later call fails. */
  close(): void;
}

/** Objects a page: what client-go asks for. */
const PAGE_SIZE = 500;
/** How often a LIST starts over when its snapshot expires between two pages. */
const LIST_RESTARTS = 3;

const CONTENT_TYPES = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

export function createKubeClient(options: KubeClientOptions): KubeClient {
  return new HttpKubeClient(options);
}

class HttpKubeClient implements KubeClient {
  readonly #caller: ApiCaller;

  constructor(options: KubeClientOptions) {
    this.#caller = new ApiCaller(options);
  }

  request<T>(request: KubeRequest): Promise<T> {
    return this.#caller.call<T>(request);
  }

  get<T extends KubeObject>(type: ResourceType, ref: ObjectRef, options: CallOptions = {}): Promise<T> {
    return this.request<T>({ ...options, method: 'GET', path: resourcePath(type, ref) });
  }

  async list<T extends KubeObject>(type: ResourceType, options: Selection & CallOptions = {}): Promise<ListPage<T>> {
    for (let restarts = 0; ; restarts += 1) {
      const items: T[] = [];
      let resourceVersion = '';
      try {
        for await (const page of this.listPages<T>(type, options)) {
          items.push(...page.items);
          resourceVersion = page.resourceVersion;
        }
        return { items, resourceVersion };
      } catch (error) {
        if (!hasStatus(error, 410) || restarts >= LIST_RESTARTS) throw error;
      }
    }
  }

  async *listPages<T extends KubeObject>(
    type: ResourceType,
    options: Selection & CallOptions = {},
  ): AsyncGenerator<ListPage<T>> {
    let next: string | undefined;
    do {
      const page: RawList<T> = await this.request({
        ...callOptionsOf(options),
        method: 'GET',
        verb: 'LIST',
        path: resourcePath(type, { namespace: options.namespace }),
        query: { ...selectorsOf(options), limit: PAGE_SIZE, continue: next },
      });
      // Items of built-in kinds come without these two in a list, and with them from every other call.
      const kind = page.kind?.replace(/List$/, '') ?? type.kind;
      const items = (page.items ?? []).map((item) =>
        item.kind === undefined ? { apiVersion: page.apiVersion, kind, ...item } : item,
      );
      yield { items, resourceVersion: page.metadata.resourceVersion };
      next = page.metadata.continue;
    } while (next !== undefined && next !== '');
  }

  create<T extends KubeObject>(type: ResourceType, object: T, options: CallOptions = {}): Promise<T> {
    const path = resourcePath(type, { namespace: object.metadata.namespace });
    return this.request<T>({ ...options, method: 'POST', path, body: object });
  }

  patch<T extends KubeObject>(
    type: ResourceType,
    ref: ObjectRef,
    patch: unknown,
    strategy: PatchStrategy,
    options: CallOptions = {},
  ): Promise<T> {
    return this.#patch<T>(resourcePath(type, ref), patch, strategy, options);
  }

  patchStatus<T extends KubeObject>(
    type: ResourceType,
    ref: ObjectRef,
    patch: unknown,
    strategy: PatchStrategy,
    options: CallOptions = {},
  ): Promise<T> {
    return this.#patch<T>(resourcePath(type, { ...ref, subresource: 'status' }), patch, strategy, options);
  }

  async delete(
    type: ResourceType,
    ref: ObjectRef,
    options: CallOptions & {
      readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
    } = {},
  ): Promise<void> {
    const { preconditions, ...call } = options;
    await this.request({
      ...call,
      method: 'DELETE',
      path: resourcePath(type, ref),
      ...(preconditions === undefined ? {} : { body: { apiVersion: 'v1', kind: 'DeleteOptions', preconditions } }),
    });
  }

  async watch(type: ResourceType, options: WatchOptions): Promise<AsyncIterable<string>> {
    const chunks = await this.#caller.stream({
      path: resourcePath(type, { namespace: options.namespace }),
      query: {
        ...selectorsOf(options),
        watch: true,
        allowWatchBookmarks: true,
        resourceVersion: options.resourceVersion,
        timeoutSeconds: options.timeoutSeconds,
      },
      signal: options.signal,
      headTimeoutMs: options.headTimeoutMs ?? 30_000,
    });
    return linesOf(chunks, options.onActivity);
  }

  close(): void {
    this.#caller.close();
  }

  #patch<T>(path: string, patch: unknown, strategy: PatchStrategy, options: CallOptions): Promise<T> {
    const query =
      strategy.type === 'apply' ? { fieldManager: strategy.fieldManager, force: strategy.force ?? false } : {};
    const verb = strategy.type === 'apply' ? 'APPLY' : 'PATCH';
    const contentType = CONTENT_TYPES[strategy.type];
    return this.request<T>({ ...options, method: 'PATCH', verb, path, query, body: patch, contentType });
  }
}

interface RawList<T> {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  /** Go writes an empty slice that was never made as null. */
  readonly items: readonly T[] | null;
}

async function* linesOf(chunks: AsyncIterable<Uint8Array>, onActivity?: () => void): AsyncGenerator<string> {
  const splitter = new LineSplitter();
  for await (const chunk of chunks) {
    onActivity?.();
    yield* splitter.push(chunk);
  }
}

function selectorsOf(selection: Selection): Query {
  return { labelSelector: selection.labelSelector, fieldSelector: selection.fieldSelector };
}

function callOptionsOf(options: CallOptions): CallOptions {
  return {
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...(options.retries === undefined ? {} : { retries: options.retries }),
  };
}
