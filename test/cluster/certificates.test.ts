import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type ConnectionOptions, type Server, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAuthority, loopbackHosts, openAuthority } from './certificates.ts';

const authority = createAuthority();

describe('a certificate', () => {
  test('names its holder, issuer and hosts', () => {
    const identity = authority.issue({
      commonName: 'alice',
      organizations: ['a', 'b'],
      hosts: ['example.test', '127.0.0.1'],
    });
    const certificate = new X509Certificate(identity.certificate);
    expect(certificate.subject).toBe('O=a\nO=b\nCN=alice');
    expect(certificate.issuer).toBe('CN=webhook-operator test CA');
    expect(certificate.subjectAltName).toBe('DNS:example.test, IP Address:127.0.0.1');
    expect(certificate.ca).toBe(false);
    expect(certificate.verify(new X509Certificate(authority.certificate).publicKey)).toBe(true);
  });

  test('is valid for the time asked for, also after 2049', () => {
    const notBefore = new Date('2030-01-02T03:04:05Z');
    const notAfter = new Date('2051-12-31T23:59:59Z');
    const { certificate } = authority.issue({ commonName: 'a', notBefore, notAfter });
    expect(new X509Certificate(certificate).validFromDate).toEqual(notBefore);
    expect(new X509Certificate(certificate).validToDate).toEqual(notAfter);
  });

  test('has a serial number of its own', () => {
    const serials = Array.from({ length: 20 }, () => authority.issue({ commonName: 'a' }).certificate);
    expect(new Set(serials.map((pem) => new X509Certificate(pem).serialNumber)).size).toBe(20);
  });
});

test('an authority opened again goes on where it was', () => {
  const again = openAuthority({ certificate: authority.certificate, key: authority.key });
  const certificate = new X509Certificate(again.issue({ commonName: 'a' }).certificate);
  expect(certificate.checkIssued(new X509Certificate(authority.certificate))).toBe(true);
});

describe('a TLS server', () => {
  let server: Server;
  let port: number;

  beforeAll(async () => {
    const { certificate, key } = authority.issue({ commonName: 'server', hosts: loopbackHosts });
    const options = { cert: certificate, key, ca: authority.certificate, requestCert: true, rejectUnauthorized: false };
    server = createServer(options, (socket) => {
      socket.on('error', () => undefined);
      const name = String(socket.getPeerCertificate().subject?.CN);
      socket.end(socket.authorized ? `hello ${name}` : String(socket.authorizationError));
    });
    server.on('tlsClientError', () => undefined);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  });

  afterAll(() => {
    server.close();
  });

  async function greeting(options: ConnectionOptions): Promise<string> {
    const socket: TLSSocket = connect({ host: '127.0.0.1', port, ca: authority.certificate, ...options });
    const chunks: Buffer[] = [];
    for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  }

  function clientIdentity(): ConnectionOptions {
    const { certificate, key } = authority.issue({ commonName: 'operator' });
    return { cert: certificate, key };
  }

  test.each(loopbackHosts)('is trusted as %s by who trusts the authority', async (host) => {
    expect(await greeting({ host, ...clientIdentity() })).toBe('hello operator');
  });

  test('is not trusted under another name', async () => {
    const options = { ...clientIdentity(), servername: 'example.test' };
    await expect(greeting(options)).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  });

  test('is not trusted through another authority', async () => {
    const ca = createAuthority('another CA').certificate;
    await expect(greeting({ ...clientIdentity(), ca })).rejects.toMatchObject({ code: 'SELF_SIGNED_CERT_IN_CHAIN' });
  });

  test.each([
    [
      'a certificate of another authority',
      createAuthority('another CA').issue({ commonName: 'operator' }),
      'UNABLE_TO_VERIFY',
    ],
    ['an expired one', authority.issue({ commonName: 'operator', notAfter: new Date(Date.now() - 1000) }), 'EXPIRED'],
  ])('does not trust a client with %s', async (_what, { certificate, key }, reason) => {
    expect(await greeting({ cert: certificate, key })).toContain(reason);
  });
});
