import { expect, test } from 'vitest';
import { configFixture } from './config.fixture.ts';
import { verificationDelay, verificationFingerprint } from './verification-schedule.ts';

test('tries come after 5 s, 15 s, 60 s, 5 m, 15 m, then hourly for a day, and then no more', () => {
  const delays = Array.from({ length: 31 }, (_, index) => verificationDelay(index + 1));
  expect(delays.slice(0, 5)).toEqual([5_000, 15_000, 60_000, 300_000, 900_000]);
  expect(delays.slice(5, 29)).toEqual(Array.from({ length: 24 }, () => 3_600_000));
  expect(delays.slice(29)).toEqual([undefined, undefined]);
});

test('tries begin anew when anything changes that may decide them, and only then', () => {
  const config = configFixture();
  const same = verificationFingerprint(config);
  const target = config.target;
  if (target === undefined) throw new Error('the fixture has a target');
  const others = [
    { ...config, generation: 2 },
    { ...config, reactivateAnnotation: 'now' },
    { ...config, verification: 'None' as const },
    { ...config, target: { ...target, urlHash: 'sha256:other' } },
    { ...config, target: { ...target, network: { allowedCIDRs: ['10.0.0.0/8'] } } },
  ];
  for (const other of others) expect(verificationFingerprint(other)).not.toBe(same);
  expect(verificationFingerprint({ ...config, target: { ...target, headers: [['x-a', 'b']] } })).toBe(same);
  const { target: _target, ...untargeted } = config;
  expect(verificationFingerprint(untargeted)).not.toBe(same);
});
