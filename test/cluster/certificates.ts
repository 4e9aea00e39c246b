import { createPrivateKey, generateKeyPairSync, randomBytes, sign, X509Certificate, type KeyObject } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { bits, element, integer, octets, oid, sequence, set, time, utf8, yes } from './der.ts';

/** A certificate and its private key, both PEM. */
export interface Identity {
  readonly certificate: string;
  readonly key: string;
}

export interface IssueOptions {
  readonly commonName: string;
  /** To the API server: the groups of the user `commonName`. */
  readonly organizations?: readonly string[];
  /** Names and IPv4 addresses that a server answers to. Defaults to none. */
  readonly hosts?: readonly string[];
  /** Defaults to an hour ago, so that a clock that lags does no harm. */
  readonly notBefore?: Date;
  /** Defaults to a year from now. */
  readonly notAfter?: Date;
}

/** A certificate authority for tests. */
export interface Authority extends Identity {
  /** A certificate for servers and clients alike, on a key of its own. */
  issue(options: IssueOptions): Identity;
}

/** The hosts of every server that the test cluster starts. */
export const loopbackHosts: readonly string[] = ['127.0.0.1', 'localhost'];

const hour = 3_600_000;
const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'));

/** A new authority on a new P-256 key. */
export function createAuthority(commonName = 'webhook-operator test CA'): Authority {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const subject = { commonName };
  const certificate = build({
    subject,
    issuer: subject,
    publicKey,
    signer: privateKey,
    extensions: [
      extension('2.5.29.19', sequence(yes()), true), // basicConstraints: a CA
      extension('2.5.29.15', bits(Buffer.from([0b0000_0110]), 1), true), // keyUsage: sign certificates and CRLs
    ],
  });
  return openAuthority({ certificate, key: pem(privateKey) });
}

/** An authority made earlier by {@link createAuthority}, perhaps in another process. */
export function openAuthority(identity: Identity): Authority {
  const key = createPrivateKey(identity.key);
  const issuer = { commonName: new X509Certificate(identity.certificate).subject.replace(/^CN=/, '') };
  return {
    ...identity,
    issue: (options) => {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const hosts = options.hosts ?? [];
      const extensions = [
        extension('2.5.29.19', sequence(), true),
        extension('2.5.29.15', bits(Buffer.from([0b1000_0000]), 7), true), // digitalSignature
        extension('2.5.29.37', sequence(oid('1.3.6.1.5.5.7.3.1'), oid('1.3.6.1.5.5.7.3.2'))), // serverAuth, clientAuth
        ...(hosts.length === 0 ? [] : [extension('2.5.29.17', sequence(...hosts.map(generalName)))]),
      ];
      const issued = build({ ...options, subject: options, issuer, publicKey, signer: key, extensions });
      return { certificate: issued, key: pem(privateKey) };
    },
  };
}

interface Template {
  readonly subject: Pick<IssueOptions, 'commonName' | 'organizations'>;
  readonly issuer: Pick<IssueOptions, 'commonName' | 'organizations'>;
  readonly publicKey: KeyObject;
  readonly signer: KeyObject;
  readonly extensions: readonly Uint8Array[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

/** RFC 5280 4.1: the part to be signed, the algorithm, the signature. */
function build(template: Template): string {
  const toBeSigned = sequence(
    element(0xa0, integer(Buffer.from([2]))), // version 3
    integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])), // serial number
    ecdsaWithSha256,
    name(template.issuer),
    sequence(
      time(template.notBefore ?? new Date(Date.now() - hour)),
      time(template.notAfter ?? new Date(Date.now() + 365 * 24 * hour)),
    ),
    name(template.subject),
    template.publicKey.export({ type: 'spki', format: 'der' }),
    element(0xa3, sequence(...template.extensions)),
  );
  const der = sequence(toBeSigned, ecdsaWithSha256, bits(sign('sha256', toBeSigned, template.signer)));
  const lines = der.toString('base64').replaceAll(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

function name(subject: Template['subject']): Buffer {
  const attribute = (type: string, value: string) => set(sequence(oid(type), utf8(value)));
  return sequence(
    ...(subject.organizations ?? []).map((value) => attribute('2.5.4.10', value)),
    attribute('2.5.4.3', subject.commonName),
  );
}

function extension(id: string, value: Uint8Array, critical = false): Buffer {
  return sequence(oid(id), ...(critical ? [yes()] : []), octets(value));
}

function generalName(host: string): Buffer {
  return isIPv4(host)
    ? element(0x87, Buffer.from(host.split('.').map(Number)))
    : element(0x82, Buffer.from(host, 'ascii'));
}

function pem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
