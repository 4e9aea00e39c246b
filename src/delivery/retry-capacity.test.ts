import { expect, test } from 'vitest';
import { RetryCapacity } from './retry-capacity.ts';

test.each([
  [799, 1000, false],
  [800, 1000, true],
  [5000, 0, false],
  [5000, -1, false],
])('with %i of %i bytes used, full is %s', (bytes, maxBytes, full) => {
  const capacity = new RetryCapacity();
  expect(capacity.isFull).toBe(false);
  capacity.observe({ bytes, maxBytes });
  expect(capacity.isFull).toBe(full);
});

test('is no longer full once retries have gone', () => {
  const capacity = new RetryCapacity();
  capacity.observe({ bytes: 1000, maxBytes: 1000 });
  capacity.observe({ bytes: 100, maxBytes: 1000 });
  expect(capacity.isFull).toBe(false);
});
