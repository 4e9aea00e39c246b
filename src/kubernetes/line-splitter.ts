import { OperatorError } from '../errors.ts';

/** A line of a watch stream above the byte cap: a broken or hostile server, since etcd refuses objects above 1.5 MiB. */
export class LineTooLongError extends OperatorError {
  readonly code = 'WHO_WATCH_LINE_TOO_LONG';
}

const NEWLINE = 0x0a;

/**
 * Cuts a byte stream into lines. Bytes are joined before they are decoded, so a chunk may end inside a character. What
 * follows the last newline is never returned: a connection cut mid-line yields no half object.
 */
export class LineSplitter {
  readonly #maxLineBytes: number;
  #pieces: Uint8Array[] = [];
  #pendingBytes = 0;

  /** `maxLineBytes` defaults to 8 MiB. */
  constructor(maxLineBytes = 8 * 1024 * 1024) {
    this.#maxLineBytes = maxLineBytes;
  }

  /** Returns the lines that `chunk` completes, without empty ones. Throws {@link LineTooLongError}. */
  push(chunk: Uint8Array): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.#keep(chunk.subarray(start, end));
      const line = this.#take();
      if (line !== '') lines.push(line);
      start = end + 1;
    }
    this.#keep(chunk.subarray(start));
    return lines;
  }

  #keep(piece: Uint8Array): void {
    this.#pendingBytes += piece.byteLength;
    if (this.#pendingBytes > this.#maxLineBytes) {
      throw new LineTooLongError(`a line of the watch stream is longer than ${this.#maxLineBytes} bytes`);
    }
    if (piece.byteLength > 0) this.#pieces.push(piece);
  }

  #take(): string {
    const bytes = Buffer.concat(this.#pieces, this.#pendingBytes);
    this.#pieces = [];
    this.#pendingBytes = 0;
    return bytes.toString('utf8').trim();
  }
}
