import { expect, test } from 'vitest';
import { spellingsOfURL } from './secret-spellings.ts';

test('A URL, its path, its query and their longer parts are masked', () => {
  expect(spellingsOfURL('https://hooks.example.com/services/T0/abcdefghijkl?token=0123456789&x=y')).toEqual([
    'https://hooks.example.com/services/T0/abcdefghijkl?token=0123456789&x=y',
    '/services/T0/abcdefghijkl?token=0123456789&x=y',
    '/services/T0/abcdefghijkl',
    'token=0123456789&x=y',
    'services',
    'abcdefghijkl',
    '0123456789',
  ]);
});

test('A URL without a path is masked as a whole only, as written and as sent', () => {
  expect(spellingsOfURL('HTTPS://Example.com')).toEqual(['HTTPS://Example.com', 'https://example.com/']);
});
