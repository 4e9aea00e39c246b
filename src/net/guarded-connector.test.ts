import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createSecureContext } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AddressBlockedError, type ConnectorOptions, guardedConnector, guardedLookup } from './guarded-connector.ts';
import type { HostLookup } from './shared-lookup.ts';
import { specialRanges } from './testing/special-ranges.ts';

const secureContext = createSecureContext();
let server: Server;
let port = '';
let accepted = 0;

beforeAll(async () => {
  server = createServer((socket) => {
    accepted += 1;
    socket.on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = String((server.address() as AddressInfo).port);
});
afterAll(() => server.close());

const answering =
  (...addresses: readonly string[]): HostLookup =>
  (_, callback) =>
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );

const neverAsked: HostLookup = (hostname) => {
  throw new Error(`a literal was looked up: ${hostname}`);
};

/** Connects as undici would for this URL: it strips the brackets of the host name. */
function connect(url: string, options: Partial<ConnectorOptions> = {}): Promise<Socket | Error> {
  const { hostname, host, protocol, port: urlPort } = new URL(url);
  return connectTo(hostname.replace(/^\[|\]$/g, ''), options, host, protocol, urlPort);
}

function connectTo(
  hostname: string,
  options: Partial<ConnectorOptions>,
  host = hostname,
  protocol = 'http:',
  toPort = port,
): Promise<Socket | Error> {
  const connector = guardedConnector({ allowedCIDRs: [], connectTimeoutMs: 2000, secureContext, ...options });
  return new Promise((resolve) => {
    connector({ hostname, host, protocol, port: toPort }, (error, socket) => resolve(error ?? socket));
  });
}

/** Every way in which a URL can spell the address. */
function spellings(address: string): string[] {
  if (address.includes(':')) {
    const expanded = new URL(`http://[${address}]`).hostname.slice(1, -1);
    return [`[${address}]`, `[${address.toUpperCase()}]`, `[${expanded}]`];
  }
  const octets = address.split('.').map(Number);
  const [a = 0, b = 0, c = 0, d = 0] = octets;
  const number = ((a * 256 + b) * 256 + c) * 256 + d;
  const hex = number.toString(16).padStart(8, '0');
  return [
    address,
    `${address}.`,
    String(number),
    `0x${hex}`,
    `0X${hex.toUpperCase()}`,
    `0${number.toString(8)}`,
    octets.map((octet) => `0${octet.toString(8)}`).join('.'),
    octets.map((octet) => `0x${octet.toString(16)}`).join('.'),
    `${a}.${b}.${c * 256 + d}`,
    `${a}.${(b * 256 + c) * 256 + d}`,
    address.replaceAll('.', '。'),
    address.replace(/\d/, (digit) => `%3${digit}`),
    `[::ffff:${address}]`,
    `[::FFFF:${address}]`,
    `[0:0:0:0:0:ffff:${hex.slice(0, 4)}:${hex.slice(4)}]`,
    `[::${address}]`,
    `[64:ff9b::${address}]`,
    `[2002:${hex.slice(0, 4)}:${hex.slice(4)}::1]`,
  ];
}

describe('literals', () => {
  const rows = specialRanges.flatMap(({ cidr, name, first, last }) =>
    [...new Set([...spellings(first), ...spellings(last)])].map((spelling) => ({ cidr, name, spelling })),
  );

  test.each(rows)(
    '$spelling of $cidr ($name) is blocked before anything is looked up or sent',
    async ({ spelling }) => {
      for (const protocol of ['http', 'https']) {
        const outcome = await connect(`${protocol}://${spelling}:${port}/`, { lookup: neverAsked });
        expect(outcome).toBeInstanceOf(AddressBlockedError);
      }
    },
  );

  test('no connection arrived meanwhile', () => {
    expect(accepted).toBe(0);
  });

  test('a zone id does not help', async () => {
    const outcome = await connectTo('fe80::1%lo', { lookup: neverAsked });
    expect(outcome).toMatchObject({ code: 'WHO_ADDRESS_BLOCKED', range: 'linkLocal' });
  });

  test.each(['127.0.0.1', '0177.0.0.1', '0x7f.1', '2130706433', '[::ffff:127.0.0.1]'])(
    '%s is connected to when the class lists 127.0.0.0/8',
    async (spelling) => {
      const socket = await connect(`http://${spelling}:${port}/`, { allowedCIDRs: ['127.0.0.0/8'] });
      expect(socket).not.toBeInstanceOf(Error);
      (socket as Socket).destroy();
    },
  );

  test('a class with an unreadable CIDR allows nothing', async () => {
    const outcome = await connect(`http://127.0.0.1:${port}/`, { allowedCIDRs: ['127.0.0.0'] });
    expect(outcome).toMatchObject({ code: 'WHO_CIDR_INVALID' });
  });
});

describe('names', () => {
  test.each(specialRanges)('a name that resolves into $cidr ($name) is blocked', async ({ first, last }) => {
    for (const address of [first, last]) {
      const outcome = await connect(`http://rebind.example:${port}/`, { lookup: answering(address) });
      expect(outcome).toBeInstanceOf(AddressBlockedError);
    }
  });

  test.each(['::ffff:127.0.0.1', '::ffff:7f00:1', '::1', '::127.0.0.1', 'fe80::1%lo'])(
    'a name that resolves to %s is blocked',
    async (address) => {
      const outcome = await connect(`https://rebind.example:${port}/`, { lookup: answering(address) });
      expect(outcome).toBeInstanceOf(AddressBlockedError);
    },
  );

  test('localhost is blocked with the resolver of the system', async () => {
    expect(await connect(`http://localhost:${port}/`)).toBeInstanceOf(AddressBlockedError);
  });

  test('the message names host and range, not what the name resolves to', async () => {
    const outcome = await connect(`http://db.internal:${port}/`, { lookup: answering('10.11.12.13') });
    expect(outcome).toMatchObject({ range: 'private' });
    expect((outcome as Error).message).toContain('db.internal');
    expect((outcome as Error).message).not.toContain('10.11.12.13');
  });

  test('of several answers only the allowed ones are connected to', async () => {
    const socket = await connect(`http://both.example:${port}/`, {
      allowedCIDRs: ['127.0.0.0/8'],
      lookup: answering('10.0.0.1', '::1', '127.0.0.1'),
    });
    expect((socket as Socket).remoteAddress).toBe('127.0.0.1');
    (socket as Socket).destroy();
  });

  test('an answer that changes between the check and the connection is not asked for twice', async () => {
    let asked = 0;
    const socket = await connect(`http://rebind.example:${port}/`, {
      allowedCIDRs: ['127.0.0.1/32'],
      lookup: (_, callback) => {
        asked += 1;
        callback(null, [{ address: asked === 1 ? '127.0.0.1' : '127.0.0.2', family: 4 }]);
      },
    });
    expect((socket as Socket).remoteAddress).toBe('127.0.0.1');
    expect(asked).toBe(1);
    (socket as Socket).destroy();
  });

  test('a caller of the look-up that wants one address gets the first allowed one', () => {
    const lookup = guardedLookup(answering('10.0.0.1', '127.0.0.1', '127.0.0.2'), ['127.0.0.0/8']);
    const answers: unknown[] = [];
    lookup('both.example', { all: false }, (...answer) => answers.push(answer));
    expect(answers).toEqual([[null, '127.0.0.1', 4]]);
  });

  test.each(['http', 'https'])(
    'the address of the peer is checked once more when connected over %s',
    async (protocol) => {
      // What the look-up let pass is taken from the policy before the connection stands.
      const allowedCIDRs = ['127.0.0.0/8'];
      const outcome = await connect(`${protocol}://a.example:${port}/`, {
        allowedCIDRs,
        lookup: (hostname, callback) => {
          answering('127.0.0.1')(hostname, callback);
          allowedCIDRs.length = 0;
        },
      });
      expect(outcome).toBeInstanceOf(AddressBlockedError);
    },
  );

  test('a resolver that fails, or answers nothing, is a DNS error', async () => {
    const failing: HostLookup = (_, callback) => callback(Object.assign(new Error('no'), { code: 'EAI_AGAIN' }), []);
    expect(await connect(`http://a.example:${port}/`, { lookup: failing })).toMatchObject({ code: 'EAI_AGAIN' });
    expect(await connect(`http://a.example:${port}/`, { lookup: answering() })).toMatchObject({ code: 'ENOTFOUND' });
  });

  test('a resolver that never answers is cut by the connect timeout', async () => {
    const outcome = await connect(`http://a.example:${port}/`, { connectTimeoutMs: 50, lookup: () => undefined });
    expect(outcome).toMatchObject({ code: 'UND_ERR_CONNECT_TIMEOUT' });
  });
});

test('a server that accepts but never answers the TLS handshake is cut by the connect timeout', async () => {
  const outcome = await connect(`https://127.0.0.1:${port}/`, { allowedCIDRs: ['127.0.0.0/8'], connectTimeoutMs: 50 });
  expect(outcome).toMatchObject({ code: 'UND_ERR_CONNECT_TIMEOUT' });
});
