import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

/** The receiver that `examples/` name: `npm start` runs it. A receiver of your own needs little more than this file. */
export interface ExampleReceiver {
  readonly port: number;
  close(): Promise<void>;
}

export interface ExampleReceiverOptions {
  /** 0 = any free one. */
  readonly port: number;
  /** Called with one line for each request. */
  readonly print: (line: string) => void;
  /** Called when a delivery was answered with 200. */
  readonly onDelivery?: () => void;
  /** Standard Webhooks keys (`whsec_…`) of the requests to `/hooks/signed`: one signature must fit one of them. */
  readonly signingKeys?: readonly string[];
}

const signedPath = '/hooks/signed';
const maxAgeSeconds = 300;
const maxBodyBytes = 1024 * 1024;

/**
 * Answers challenges and events on `/hooks` and `/hooks/signed`. `POST /fail` makes it answer 500 from then on, `POST /ok`
 * 200 again. Rejects with the error of `listen` when the port is taken.
 */
export async function startExampleReceiver(options: ExampleReceiverOptions): Promise<ExampleReceiver> {
  let failing = false;
  const answer = (request: IncomingMessage, response: ServerResponse, body: Buffer): void => {
    const reply = (status: number, json: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(json));
    };
    const path = (request.url ?? '').replace(/\?.*/, '');
    if (request.method === 'POST' && (path === '/fail' || path === '/ok')) {
      failing = path === '/fail';
      options.print(`receiver  from now on every delivery is answered with ${failing ? 500 : 200}`);
      reply(200, { failing });
      return;
    }
    if (request.method !== 'POST' || (path !== '/hooks' && path !== signedPath)) {
      reply(404, { error: 'use POST /hooks, /hooks/signed, /fail or /ok' });
      return;
    }
    const challenge = challengeOf(body);
    if (challenge !== undefined) {
      options.print(`receiver  200  ${path}  challenge answered`);
      reply(200, { challenge });
      return;
    }
    const fault = path === signedPath ? signatureFault(request, body, options.signingKeys ?? []) : undefined;
    const status = failing ? 500 : fault === undefined ? 200 : 401;
    options.print(
      `receiver  ${status}  ${path}  ${describeDelivery(request, body)}${fault === undefined ? '' : `  (${fault})`}`,
    );
    if (failing) reply(status, { error: 'the receiver was told to fail' });
    else reply(status, fault === undefined ? { received: true } : { error: fault });
    if (status === 200) options.onDelivery?.();
  };

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBodyBytes) request.destroy();
      else chunks.push(chunk);
    });
    request.on('error', () => response.destroy());
    request.on('end', () => answer(request, response, Buffer.concat(chunks)));
  });
  server.listen(options.port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function challengeOf(body: Buffer): string | undefined {
  try {
    const json = JSON.parse(body.toString('utf8')) as unknown;
    if (typeof json !== 'object' || json === null || !('challenge' in json)) return undefined;
    return typeof json.challenge === 'string' ? json.challenge : undefined;
  } catch {
    return undefined;
  }
}

function describeDelivery({ headers }: IncomingMessage, body: Buffer): string {
  const header = (name: string) => String(headers[name] ?? '-');
  const shown = body.toString('utf8').replaceAll(/\s+/g, ' ').slice(0, 100);
  return `${header('webhook-event-type')}  attempt ${header('webhook-attempt')}  id ${header('webhook-id')}  ${shown}`;
}

/**
 * What is wrong with the signature of a request, by the Standard Webhooks specification: HMAC-SHA256 over id, timestamp and
 * body; one match of several is enough; an old timestamp is a replay.
 */
function signatureFault({ headers }: IncomingMessage, body: Buffer, keys: readonly string[]): string | undefined {
  const timestamp = String(headers['webhook-timestamp']);
  if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) <= maxAgeSeconds)) return 'the timestamp is missing or old';
  const given = String(headers['webhook-signature'] ?? '').split(' ');
  const signed = Buffer.concat([Buffer.from(`${String(headers['webhook-id'])}.${timestamp}.`), body]);
  const fits = keys.some((key) => {
    const secret = Buffer.from(key.replace(/^whsec_/, ''), 'base64');
    const expected = Buffer.from(`v1,${createHmac('sha256', secret).update(signed).digest('base64')}`);
    return given.some((text) => {
      const candidate = Buffer.from(text);
      return candidate.length === expected.length && timingSafeEqual(candidate, expected);
    });
  });
  return fits ? undefined : 'the signature does not fit';
}
