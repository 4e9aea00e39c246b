/**
 * Base of every error that this project throws. `code` is stable and documented (`docs/errors.md`); the message says what
 * to do about it. Subclasses live beside the code that throws them.
 */
export abstract class OperatorError extends Error {
  /** Stable upper-case identifier, for example `WHO_CONFIG_INVALID`. Never reused for another meaning. */
  abstract readonly code: string;

  constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The message of anything that was thrown, for logs and conditions. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
