/** A request as the counting receiver sees it: where its body lies in the bytes it came in. */
export type OnRequest = (bytes: Buffer, bodyStart: number, bodyEnd: number) => void;

const headEnd = Buffer.from('\r\n\r\n');
const contentLength = Buffer.from('content-length: ');

/**
 * Finds the requests in the bytes of one connection, for a receiver that must cost as little as can be. Understands just
 * what the two sides of the benchmark send: HTTP/1.1 with `content-length`, spelled in lower case.
 */
export class RequestScanner {
  readonly #onRequest: OnRequest;
  #rest: Buffer | undefined;

  constructor(onRequest: OnRequest) {
    this.#onRequest = onRequest;
  }

  push(chunk: Buffer): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = undefined;
    let from = 0;
    while (from < bytes.length) {
      const end = bytes.indexOf(headEnd, from);
      if (end === -1) break;
      const bodyStart = end + headEnd.length;
      const bodyEnd = bodyStart + bodyLength(bytes, from, end);
      if (bodyEnd > bytes.length) break;
      this.#onRequest(bytes, bodyStart, bodyEnd);
      from = bodyEnd;
    }
    if (from < bytes.length) this.#rest = bytes.subarray(from);
  }
}

function bodyLength(bytes: Buffer, from: number, end: number): number {
  const at = bytes.indexOf(contentLength, from);
  if (at === -1 || at > end) return 0;
  let length = 0;
  for (let index = at + contentLength.length; index < end; index += 1) {
    const digit = (bytes[index] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) break;
    length = length * 10 + digit;
  }
  return length;
}
