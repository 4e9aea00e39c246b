import { expect, test } from 'vitest';
import { ManualClock } from '../kubernetes/testing/manual-clock.ts';
import { StatusSchedule } from './status-schedule.ts';

function fixture() {
  const clock = new ManualClock();
  const published: string[] = [];
  const schedule = new StatusSchedule({ publish: (uid) => published.push(uid), clock });
  return { clock, published, schedule };
}

test('a transition is shown at once, several of one moment once', () => {
  const { clock, published, schedule } = fixture();
  schedule.transitioned('a');
  schedule.transitioned('a');
  schedule.transitioned('b');
  clock.advance(100);
  expect(published).toEqual(['a', 'b']);
  schedule.transitioned('a');
  clock.advance(100);
  expect(published).toEqual(['a', 'b', 'a']);
});

test('a hundred thousand deliveries cost one status within ten seconds', () => {
  const { clock, published, schedule } = fixture();
  for (let count = 0; count < 100_000; count += 1) schedule.changed('a');
  clock.advance(9_999);
  expect(published).toEqual([]);
  clock.advance(1);
  expect(published).toEqual(['a']);
  clock.advance(60_000);
  expect(published).toEqual(['a']);
});

test('a transition takes with it what was waiting', () => {
  const { clock, published, schedule } = fixture();
  schedule.changed('a');
  schedule.transitioned('a');
  clock.advance(20_000);
  expect(published).toEqual(['a']);
});

test('many webhooks are shown in slices, with turns of the event loop between them', async () => {
  const { clock, published, schedule } = fixture();
  for (let index = 0; index < 120; index += 1) schedule.changed(`uid-${index}`);
  clock.advance(10_000);
  expect(published).toHaveLength(50);
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(new Set(published).size).toBe(120);
});

test('a stop shows what is outstanding, once, and nothing later', () => {
  const { clock, published, schedule } = fixture();
  schedule.changed('a');
  schedule.transitioned('b');
  schedule.stop();
  schedule.stop();
  expect(published).toEqual(['b', 'a']);
  schedule.changed('c');
  schedule.transitioned('d');
  clock.advance(60_000);
  expect(published).toEqual(['b', 'a']);
  expect(clock.pendingTimers).toBe(0);
});
