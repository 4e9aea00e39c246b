/** Key/value pairs of a log line. An `error` that is an Error is written with its code, message and stack. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * What rooms log through; `ops/logging.ts` implements it. Messages are constant, capitalised, in the past tense and
 * without a final period; what varies goes into the fields (`namespace`, `name`, `controller`, `slot`, …).
 */
export interface Logger {
  error(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  /** A logger that adds `fields` to each of its lines. */
  child(fields: LogFields): Logger;
}

/** Drops everything: for tests and for tools that print for people. */
export const silentLogger: Logger = {
  error: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  child: () => silentLogger,
};
