import { describe, expect, test } from 'vitest';
import { parseTarget } from './http-target.ts';

describe('parseTarget', () => {
  test.each([
    ['https://crm.example.com/hooks?a=b#c', 'https://crm.example.com', '/hooks?a=b', 'crm.example.com:443'],
    ['http://crm.example.com', 'http://crm.example.com', '/', 'crm.example.com:80'],
    ['HTTP://CRM.example.com:8080/x', 'http://crm.example.com:8080', '/x', 'crm.example.com:8080'],
    ['https://[2606:4700::1]/', 'https://[2606:4700::1]', '/', '[2606:4700::1]:443'],
    ['http://0177.1/', 'http://127.0.0.1', '/', '127.0.0.1:80'],
    ['https://bücher.example/ü', 'https://xn--bcher-kva.example', '/%C3%BC', 'xn--bcher-kva.example:443'],
    ['https://a.example/x\r\ny', 'https://a.example', '/xy', 'a.example:443'],
  ])('%s', (url, origin, path, authority) => {
    expect(parseTarget(url)).toEqual({ origin, path, authority });
  });

  test.each([
    '',
    '/x',
    'crm.example.com',
    'ftp://a/',
    'file:///etc/passwd',
    'https://u@a/',
    'https://u:p@a/',
    'https://:p@a/',
    'http://[::1%25lo]/',
    'http://256.1.1.1/',
  ])('no request can go to %j', (url) => {
    expect(parseTarget(url)).toBeUndefined();
  });
});
