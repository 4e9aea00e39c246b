import { OperatorError } from '../errors.ts';
import type { KubeObject } from './kube-object.ts';

/** A line of a watch that is not an event: what sits between us and the API server is broken. */
export class WatchProtocolError extends OperatorError {
  readonly code = 'WHO_WATCH_PROTOCOL';
}

export type WatchEvent<T> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string }
  | { readonly type: 'ERROR'; readonly object: unknown }
  /** A type that this version does not know; skipped and counted. */
  | { readonly type: 'UNKNOWN'; readonly name: string };

/** Reads one line of a watch stream. Throws {@link WatchProtocolError}. */
export function parseWatchEvent<T extends KubeObject>(line: string): WatchEvent<T> {
  const event = parseObject(line);
  switch (event.type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED': {
      if (!isObject(event.object)) throw new WatchProtocolError(`a ${event.type} event carries no object`);
      return { type: event.type, object: event.object as T };
    }
    case 'BOOKMARK':
      if (!isObject(event.object)) throw new WatchProtocolError('a BOOKMARK event carries no object');
      return { type: 'BOOKMARK', resourceVersion: event.object.metadata.resourceVersion };
    case 'ERROR':
      return { type: 'ERROR', object: event.object };
    default:
      return { type: 'UNKNOWN', name: String(event.type) };
  }
}

function parseObject(line: string): { readonly type?: unknown; readonly object?: unknown } {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new WatchProtocolError(`a line of the watch is not JSON: ${line.slice(0, 80)}`, { cause: error });
  }
  if (typeof value === 'object' && value !== null) return value;
  throw new WatchProtocolError(`a line of the watch is no event: ${line.slice(0, 80)}`);
}

interface Versioned {
  readonly metadata: { readonly resourceVersion: string };
}

function isObject(value: unknown): value is Versioned {
  const metadata = (value as { metadata?: { resourceVersion?: unknown } } | null | undefined)?.metadata;
  return typeof metadata?.resourceVersion === 'string';
}
