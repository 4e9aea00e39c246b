/**
 * Parsers of option values. Each takes the text of a flag or a variable, never empty, and throws a plain Error whose
 * message completes the sentence "<flag>: …".
 */
import { isIP } from 'node:net';

/** Where a server listens. `host` undefined = every address of the machine; port 0 = any free one. */
export interface BindAddress {
  readonly host: string | undefined;
  readonly port: number;
}

/** `:8080`, `127.0.0.1:0`, `[::1]:8080`, `localhost:8080`; `0` switches the server off (the convention of kubebuilder). */
export function parseBindAddress(text: string): BindAddress | undefined {
  if (text === '0') return undefined;
  const match = /^(?:\[(?<v6>[^\]]*)\]|(?<host>[^:[\]]*)):(?<port>\d{1,5})$/.exec(text);
  const port = Number(match?.groups?.['port']);
  const v6 = match?.groups?.['v6'];
  if (match === null || port > 65_535 || (v6 !== undefined && isIP(v6) !== 6)) {
    throw new Error(
      `"${text}" is no address; write :8080, 127.0.0.1:8080 or [::1]:8080, or 0 to switch the server off`,
    );
  }
  const host = v6 ?? match.groups?.['host'];
  return { host: host === '' ? undefined : host, port };
}

/** Comma-separated items, each trimmed and parsed; duplicates are dropped. */
export function parseList<T>(parseItem: (text: string) => T): (text: string) => readonly T[] {
  return (text) => {
    const items = text.split(',').map((item) => item.trim());
    if (items.includes('')) throw new Error(`"${text}" has an empty item; write the items separated by single commas`);
    return [...new Set(items)].map(parseItem);
  };
}

/** `nats://host:4222` or `tls://host:4222`. Credentials in it are refused: they would show in the process list. */
export function parseNatsURL(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['nats:', 'tls:'].includes(url.protocol) || url.hostname === '') {
    throw new Error(`"${withoutUserinfo(text)}" is no NATS URL; write nats://host:4222 or tls://host:4222`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new Error('a NATS URL must not hold credentials; use --nats-creds, --nats-nkey or --nats-token-file');
  }
  return text;
}

function withoutUserinfo(text: string): string {
  return text.replace(/[^/]*@/, '***@');
}

/** An RFC 1123 label: the name of a Kubernetes namespace. */
export function parseNamespace(text: string): string {
  if (!/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/.test(text)) throw new Error(`"${text}" is no name of a namespace`);
  return text;
}

/** A name that is valid for a JetStream stream and for a KV bucket. */
export function parseStreamName(text: string): string {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(text)) {
    throw new Error(`"${text}" is no stream name; use up to 64 letters, digits, - and _`);
  }
  return text;
}

export function parseInteger(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= minimum && value <= maximum)) {
      throw new Error(`"${text}" is no whole number from ${minimum} to ${maximum}`);
    }
    return value;
  };
}

export function parseChoice<const T extends string>(...choices: readonly T[]): (text: string) => T {
  return (text) => {
    const choice = choices.find((candidate) => candidate === text);
    if (choice === undefined) throw new Error(`"${text}" is none of ${choices.join(', ')}`);
    return choice;
  };
}

const unitBytes: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** A whole Kubernetes quantity of bytes: `512Mi`, `4Gi`, `1000000`. At least 1 MiB: JetStream needs room for one message. */
export function parseBytes(text: string): number {
  const match = /^(?<count>\d{1,15})(?<unit>[kMGT]|[KMGT]i)?$/.exec(text);
  const bytes = Number(match?.groups?.['count']) * (unitBytes[match?.groups?.['unit'] ?? ''] as number);
  if (!Number.isSafeInteger(bytes)) throw new Error(`"${text}" is no size; write for example 512Mi or 4Gi`);
  if (bytes < 2 ** 20) throw new Error(`"${text}" is too small; a stream needs at least 1Mi`);
  return bytes;
}

/** Bounds a duration parser (Go's syntax, milliseconds). */
export function parseBounded(
  parse: (text: string) => number,
  minimumMs: number,
  minimumText: string,
): (text: string) => number {
  return (text) => {
    const milliseconds = parse(text);
    if (milliseconds < minimumMs) throw new Error(`"${text}" is too short; the least is ${minimumText}`);
    return milliseconds;
  };
}

export function parseText(text: string): string {
  return text;
}
