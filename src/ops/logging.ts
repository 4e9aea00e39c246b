import { pino, type DestinationStream } from 'pino';
import { OperatorError } from '../errors.ts';
import type { LogFields, Logger } from '../logger.ts';

export type LogLevel = 'debug' | 'info' | 'error';

export interface LoggingOptions {
  readonly level: LogLevel;
  /** Defaults to standard output, written asynchronously. */
  readonly destination?: DestinationStream;
}

export interface RootLogger extends Logger {
  /** Writes what is buffered; call it before the process ends. */
  flush(): void;
}

/**
 * JSON lines `{"level","time","msg",…}` on standard output. Query strings and credentials of URLs are masked in every
 * field, since a webhook's URL can be its secret.
 */
export function createLogger(options: LoggingOptions): RootLogger {
  const destination = options.destination ?? pino.destination({ fd: 1, sync: false });
  const root = pino(
    {
      level: options.level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  return { ...wrap(root), flush: () => flush(destination) };
}

/** The part of pino that we use. */
interface Sink {
  error(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  debug(fields: LogFields, message: string): void;
  isLevelEnabled(level: string): boolean;
  child(fields: LogFields): Sink;
}

function wrap(sink: Sink): Logger {
  const write = (level: LogLevel) => (message: string, fields?: LogFields) => {
    // Disabled lines must cost nothing: no masking before this check.
    if (sink.isLevelEnabled(level)) sink[level](fields === undefined ? {} : loggable(fields), message);
  };
  return {
    error: write('error'),
    info: write('info'),
    debug: write('debug'),
    child: (fields) => wrap(sink.child(loggable(fields))),
  };
}

function flush(destination: DestinationStream): void {
  if (!('flushSync' in destination) || typeof destination.flushSync !== 'function') return;
  try {
    destination.flushSync();
  } catch {
    // The stream is not open yet, or standard output is gone: nothing left to write to.
  }
}

function loggable(fields: LogFields): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) {
    if (value instanceof Error) Object.assign(result, errorFields(key, value));
    else result[key] = masked(value, 0);
  }
  return result;
}

function errorFields(key: string, error: Error): Record<string, unknown> {
  const code = error instanceof OperatorError || 'code' in error ? String(error.code) : undefined;
  return {
    [key]: maskURLs(error.message),
    ...(code === undefined ? {} : { [`${key}Code`]: code }),
    ...(error.cause === undefined ? {} : { [`${key}Cause`]: maskURLs(causeText(error.cause)) }),
    ...(error.stack === undefined ? {} : { [`${key}Stack`]: maskURLs(error.stack) }),
  };
}

function causeText(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** Depth of nested fields that are looked into; deeper ones are left out, so that a cyclic object ends too. */
const maxDepth = 4;

function masked(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return maskURLs(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof URL) return maskURLs(value.href);
  if (value instanceof Error) return maskURLs(value.message);
  if (value instanceof Date) return value;
  if (depth === maxDepth) return '…';
  if (Array.isArray(value)) return value.map((item) => masked(item, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, masked(item, depth + 1)]));
}

/** Replaces the query, fragment and credentials of every URL in a text by `***`. */
export function maskURLs(text: string): string {
  if (!text.includes('://')) return text;
  return text
    .replaceAll(/([a-z][a-z0-9+.-]*:\/\/)[^\s/?#"'<>]*@/gi, '$1***@')
    .replaceAll(/([a-z][a-z0-9+.-]*:\/\/[^\s?#"'<>]*)([?#])[^\s"'<>]*/gi, '$1$2***');
}
