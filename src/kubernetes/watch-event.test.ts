import { describe, expect, it } from 'vitest';
import { parseWatchEvent, WatchProtocolError } from './watch-event.ts';

const object = { metadata: { name: 'one', resourceVersion: '7' } };

describe('parseWatchEvent', () => {
  it('reads the four kinds of events that a watch knows, and names others', () => {
    expect(parseWatchEvent(JSON.stringify({ type: 'DELETED', object }))).toEqual({ type: 'DELETED', object });
    expect(parseWatchEvent(JSON.stringify({ type: 'BOOKMARK', object }))).toEqual({
      type: 'BOOKMARK',
      resourceVersion: '7',
    });
    expect(parseWatchEvent('{"type":"ERROR","object":{"code":410}}')).toEqual({ type: 'ERROR', object: { code: 410 } });
    expect(parseWatchEvent('{"type":"NEW"}')).toEqual({ type: 'UNKNOWN', name: 'NEW' });
    expect(parseWatchEvent('{}')).toEqual({ type: 'UNKNOWN', name: 'undefined' });
  });

  it.each([
    '',
    '<html>',
    '{"type":"ADDED"',
    'null',
    '7',
    '{"type":"ADDED"}',
    '{"type":"MODIFIED","object":null}',
    '{"type":"ADDED","object":{"metadata":{"name":"one"}}}',
    '{"type":"BOOKMARK","object":{}}',
  ])('refuses %j', (line) => {
    expect(() => parseWatchEvent(line)).toThrow(WatchProtocolError);
  });
});
