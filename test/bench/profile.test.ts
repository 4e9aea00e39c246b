import { expect, test } from 'vitest';
import { summarizeProfile, type CPUProfile } from './profile.ts';

const node = (id: number, functionName: string, url = '', lineNumber = 0) => ({
  id,
  callFrame: { functionName, url, lineNumber },
});

// A sample every 10 µs from 1000 on.
const profile: CPUProfile = {
  nodes: [
    node(1, '(idle)'),
    node(2, 'send', 'file:///p/src/a.ts', 9),
    node(3, '', 'file:///p/src/a.ts', 19),
    node(4, 'now'),
  ],
  startTime: 990,
  samples: [2, 2, 1, 3, 4, 2],
  timeDeltas: [10, 10, 10, 10, 10, 10],
};

test('self times are summed by file and by function, idle time apart', () => {
  const summary = summarizeProfile(profile, { fromMicros: 1000, untilMicros: 1040 }, '/p/');
  expect(summary.busyShare).toBeCloseTo(0.8);
  expect(summary.files).toEqual([
    { name: 'src/a.ts', share: 0.75 },
    { name: 'now', share: 0.25 },
  ]);
  expect(summary.functions).toEqual([
    { name: 'send src/a.ts:10', share: 0.5 },
    { name: '(anonymous) src/a.ts:20', share: 0.25 },
    { name: 'now', share: 0.25 },
  ]);
});

test('what lies outside of the window does not count', () => {
  const summary = summarizeProfile(profile, { fromMicros: 1040, untilMicros: 1040 }, '/p/');
  expect(summary.files).toEqual([{ name: 'now', share: 1 }]);
});
