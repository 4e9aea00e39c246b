import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  parseBindAddress,
  parseBytes,
  parseChoice,
  parseInteger,
  parseList,
  parseNamespace,
  parseNatsURL,
  parseStreamName,
} from './option-parsers.ts';

describe('parseBindAddress', () => {
  it.each([
    [':8080', { host: undefined, port: 8080 }],
    ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
    ['[::1]:0', { host: '::1', port: 0 }],
    ['[::]:9090', { host: '::', port: 9090 }],
    ['localhost:65535', { host: 'localhost', port: 65_535 }],
    ['0', undefined],
  ])('reads %s', (text, expected) => {
    expect(parseBindAddress(text)).toEqual(expected);
  });

  it.each(['8080', ':65536', ':', ':http', '::1:8080', '[127.0.0.1]:80', '[::1]', 'a:b:1', ':-1', '[]:1'])(
    'refuses %s',
    (text) => {
      expect(() => parseBindAddress(text)).toThrow('is no address; write :8080');
    },
  );
});

describe('parseList', () => {
  it('trims items and drops duplicates', () => {
    expect(parseList(parseNamespace)('a, b,a')).toEqual(['a', 'b']);
  });

  it.each([',', 'a,', ',a', 'a,,b'])('refuses the empty item in "%s"', (text) => {
    expect(() => parseList(parseNamespace)(text)).toThrow('has an empty item');
  });
});

describe('parseNatsURL', () => {
  it.each(['nats://127.0.0.1:4222', 'tls://nats.example.com:4222', 'nats://[::1]:4222', 'nats://nats'])(
    'takes %s as it is',
    (text) => {
      expect(parseNatsURL(text)).toBe(text);
    },
  );

  it.each(['nats', 'http://nats:4222', '127.0.0.1:4222', 'nats://'])('refuses %s', (text) => {
    expect(() => parseNatsURL(text)).toThrow('is no NATS URL');
  });

  it.each(['nats://user:hunter2@nats:4222', 'http://user:hunter2@nats'])('never repeats the password of %s', (text) => {
    expect(() => parseNatsURL(text)).toThrow(/credentials|is no NATS URL/);
    expect(() => parseNatsURL(text)).not.toThrow('hunter2');
  });
});

describe('parseBytes', () => {
  it.each([
    ['1Mi', 2 ** 20],
    ['4Gi', 4 * 2 ** 30],
    ['500M', 500e6],
    ['2000000', 2e6],
    ['3T', 3e12],
  ])('reads %s', (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes);
  });

  it.each(['', '1.5Gi', '-1', '4GB', 'Gi', '1e9', '4 Gi', '999999999999999Ti'])('refuses "%s"', (text) => {
    expect(() => parseBytes(text)).toThrow('is no size');
  });

  it.each(['0', '1023Ki'])('refuses %s as too small', (text) => {
    expect(() => parseBytes(text)).toThrow('at least 1Mi');
  });
});

describe('parseInteger', () => {
  it('takes exactly the whole numbers within its bounds', () => {
    fc.assert(
      fc.property(fc.integer({ min: -50, max: 50 }), (value) => {
        const parse = () => parseInteger(1, 32)(String(value));
        if (value >= 1 && value <= 32) expect(parse()).toBe(value);
        else expect(parse).toThrow('is no whole number from 1 to 32');
      }),
    );
  });

  it.each(['', ' 1', '1.0', '0x1', '1e1', 'NaN'])('refuses "%s"', (text) => {
    expect(() => parseInteger(0, 100)(text)).toThrow('is no whole number');
  });
});

describe('names', () => {
  it.each(['team-a', 'a', '0', 'a'.repeat(63)])('takes the namespace %s', (text) => {
    expect(parseNamespace(text)).toBe(text);
  });

  it.each(['A', '-a', 'a-', 'a.b', 'a'.repeat(64), 'a_b'])('refuses the namespace %s', (text) => {
    expect(() => parseNamespace(text)).toThrow('is no name of a namespace');
  });

  it.each(['a.b', 'a b', '*', 'a'.repeat(65), '>'])('refuses the stream name %s', (text) => {
    expect(() => parseStreamName(text)).toThrow('is no stream name');
  });

  it('names the choices', () => {
    expect(parseChoice('a', 'b')('b')).toBe('b');
    expect(() => parseChoice('a', 'b')('A')).toThrow('"A" is none of a, b');
  });
});
