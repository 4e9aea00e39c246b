import { describe, expect, it } from 'vitest';
import { OperatorError } from '../errors.ts';
import { createLogger, maskURLs, type LogLevel } from './logging.ts';

class SampleError extends OperatorError {
  readonly code = 'WHO_SAMPLE';
}

function capture(level: LogLevel = 'debug') {
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) };
  return { lines, logger: createLogger({ level, destination }) };
}

describe('createLogger', () => {
  it('writes one JSON object a line with level, time and message', () => {
    const { lines, logger } = capture();
    logger.info('Webhook verified', { namespace: 'a', name: 'b' });
    expect(lines).toEqual([
      { level: 'info', time: expect.stringMatching(/^\d{4}-.*Z$/), namespace: 'a', name: 'b', msg: 'Webhook verified' },
    ]);
  });

  it('drops what is below its level', () => {
    const { lines, logger } = capture('error');
    logger.debug('No');
    logger.info('No');
    logger.error('Yes');
    expect(lines.map(({ msg }) => msg)).toEqual(['Yes']);
  });

  it('adds the fields of a child to each of its lines', () => {
    const { lines, logger } = capture();
    logger.child({ controller: 'webhook' }).child({ slot: 3 }).debug('Slot taken');
    expect(lines[0]).toMatchObject({ controller: 'webhook', slot: 3, msg: 'Slot taken' });
  });

  it('writes an error with its code, cause and stack', () => {
    const { lines, logger } = capture();
    logger.error('Publish failed', { error: new SampleError('no answer', { cause: new Error('socket closed') }) });
    expect(lines[0]).toMatchObject({ error: 'no answer', errorCode: 'WHO_SAMPLE', errorCause: 'socket closed' });
    expect(lines[0]?.['errorStack']).toContain('SampleError');
  });

  it('masks URLs in every field, nested ones and errors too', () => {
    const { lines, logger } = capture();
    logger.info('Request sent', {
      url: 'https://h/p?token=s3cret',
      nested: { list: ['https://u:s3cret@h/'] },
      parsed: new URL('https://h/#s3cret'),
      error: new Error('GET https://h/?s3cret failed'),
    });
    expect(JSON.stringify(lines)).not.toContain('s3cret');
    expect(lines[0]).toMatchObject({ url: 'https://h/p?***', nested: { list: ['https://***@h/'] } });
  });

  it('survives what JSON does not know', () => {
    const { lines, logger } = capture();
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    logger.info('Odd', { big: 1n, cyclic, nothing: null, missing: undefined, when: new Date(0) });
    expect(lines[0]).toMatchObject({ big: '1', nothing: null, when: '1970-01-01T00:00:00.000Z' });
  });

  it('can be flushed whatever it writes to', () => {
    const { logger } = capture();
    expect(() => logger.flush()).not.toThrow();
  });
});

describe('maskURLs', () => {
  it.each([
    ['no address here', 'no address here'],
    ['https://h/path', 'https://h/path'],
    ['a https://h/p?x=1&y=2 b', 'a https://h/p?*** b'],
    ['https://h?x', 'https://h?***'],
    ['https://h/p#frag', 'https://h/p#***'],
    ['nats://token@nats:4222', 'nats://***@nats:4222'],
    ['"https://a/?b","https://c/?d"', '"https://a/?***","https://c/?***"'],
    ['https://h/a@b', 'https://h/a@b'],
  ])('turns %s into %s', (text, expected) => {
    expect(maskURLs(text)).toBe(expected);
  });
});
