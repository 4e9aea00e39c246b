import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** A certificate with its key, both PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateAuthority extends Certificate {
  /** A certificate for DNS names and IP addresses, good for servers and clients. */
  issue(request: CertificateRequest): Certificate;
}

export interface CertificateRequest {
  /** DNS names and IP addresses. */
  readonly hosts?: readonly string[];
  /** Defaults to the first host. */
  readonly commonName?: string;
  /** Defaults to now + 1 day. A time in the past makes an expired certificate. */
  readonly notAfter?: Date;
}

const dayMs = 86_400_000;

/** A certificate authority made on the spot, so that no key lies in the repository and none expires. */
export function createAuthority(commonName = 'Test authority'): CertificateAuthority {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const extensions = [
    extension('2.5.29.19', true, sequence(boolean(true))),
    // keyCertSign and cRLSign
    extension('2.5.29.15', true, tlv(0x03, Buffer.from([1, 0x06]))),
  ];
  const cert = certificate(commonName, commonName, keys.publicKey, keys.privateKey, extensions);
  return {
    cert,
    key: privatePEM(keys.privateKey),
    issue: (request) => issue(request, commonName, keys.privateKey),
  };
}

/** A certificate that nobody vouches for. */
export function selfSigned(request: CertificateRequest): Certificate {
  return issue(request, undefined, undefined);
}

function issue(request: CertificateRequest, issuer: string | undefined, issuerKey: KeyObject | undefined): Certificate {
  const { hosts = [], notAfter } = request;
  const subject = request.commonName ?? hosts[0] ?? 'test';
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const extensions = [
    // serverAuth and clientAuth
    extension('2.5.29.37', false, sequence(oid('1.3.6.1.5.5.7.3.1'), oid('1.3.6.1.5.5.7.3.2'))),
    ...(hosts.length === 0 ? [] : [extension('2.5.29.17', false, sequence(...hosts.map(alternativeName)))]),
  ];
  const signer = issuerKey ?? keys.privateKey;
  return {
    cert: certificate(subject, issuer ?? subject, keys.publicKey, signer, extensions, notAfter),
    key: privatePEM(keys.privateKey),
  };
}

function certificate(
  subject: string,
  issuer: string,
  publicKey: KeyObject,
  issuerKey: KeyObject,
  extensions: readonly Buffer[],
  notAfter = new Date(Date.now() + dayMs),
): string {
  const ecdsaWithSHA256 = sequence(oid('1.2.840.10045.4.3.2'));
  const notBefore = new Date(Math.min(Date.now(), notAfter.getTime()) - dayMs);
  const body = sequence(
    tlv(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    ecdsaWithSHA256,
    name(issuer),
    sequence(time(notBefore), time(notAfter)),
    name(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    tlv(0xa3, sequence(...extensions)),
  );
  const signature = sign('sha256', body, issuerKey);
  const der = sequence(body, ecdsaWithSHA256, tlv(0x03, Buffer.concat([Buffer.from([0]), signature])));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function privatePEM(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

// DER: a tag, a length, the value.
function tlv(tag: number, value: Buffer): Buffer {
  const { length } = value;
  const prefix =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, Math.floor(length / 0x100), length % 0x100];
  return Buffer.concat([Buffer.from([tag, ...prefix]), value]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tlv(0x30, Buffer.concat(parts));
}

function integer(bigEndian: Buffer): Buffer {
  return tlv(0x02, bigEndian);
}

function boolean(value: boolean): Buffer {
  return tlv(0x01, Buffer.from([value ? 0xff : 0]));
}

function time(date: Date): Buffer {
  return tlv(0x18, Buffer.from(`${date.toISOString().replaceAll(/[-:T]|\..*/g, '')}Z`));
}

function name(commonName: string): Buffer {
  return sequence(tlv(0x31, sequence(oid('2.5.4.3'), tlv(0x0c, Buffer.from(commonName)))));
}

function extension(id: string, isCritical: boolean, value: Buffer): Buffer {
  return sequence(oid(id), ...(isCritical ? [boolean(true)] : []), tlv(0x04, value));
}

function alternativeName(host: string): Buffer {
  if (isIP(host) === 0) return tlv(0x82, Buffer.from(host));
  return tlv(0x87, Buffer.from(ipaddr.parse(host).toByteArray()));
}

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return tlv(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(value: number): number[] {
  const bytes = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) bytes.unshift((rest % 128) + 128);
  return bytes;
}
