import { describe, expect, test } from 'vitest';

import { LanePace } from './lane-pace.ts';

function paced(concurrency = 16, requests = 0) {
  const time = { now: 1000 };
  const limits = { concurrency, rateLimit: { requests, perMs: 1000 } };
  return { time, pace: new LanePace(limits, () => time.now) };
}

describe('the concurrency of a lane', () => {
  test('grows from one with successes, to what the settings allow', () => {
    const { pace } = paced(6);
    const seen = [pace.concurrency];
    for (let index = 0; index < 4; index += 1) {
      pace.succeeded();
      seen.push(pace.concurrency);
    }
    expect(seen).toEqual([1, 2, 4, 6, 6]);
  });

  test('is one again after a bad streak', () => {
    const { pace } = paced();
    pace.succeeded();
    pace.slowed();
    expect(pace.concurrency).toBe(1);
  });

  test('follows lower settings at once and higher ones with the next successes', () => {
    const { pace } = paced(8);
    for (let index = 0; index < 3; index += 1) pace.succeeded();
    pace.setLimits({ concurrency: 2, rateLimit: { requests: 0, perMs: 1000 } });
    expect(pace.concurrency).toBe(2);
    pace.succeeded();
    pace.setLimits({ concurrency: 16, rateLimit: { requests: 0, perMs: 1000 } });
    expect(pace.concurrency).toBe(2);
    pace.succeeded();
    expect(pace.concurrency).toBe(4);
  });
});

describe('the next attempt', () => {
  test('may begin at once without limits', () => {
    const { pace } = paced();
    pace.begin();
    expect(pace.waitMs()).toBe(0);
  });

  test('waits for the rate limit', () => {
    const { time, pace } = paced(16, 1);
    pace.begin();
    expect(pace.waitMs()).toBe(1000);
    time.now += 400;
    expect(pace.waitMs()).toBe(600);
  });

  test('waits for the longest pause that the receiver asked for', () => {
    const { time, pace } = paced();
    pace.pauseFor(500);
    pace.pauseFor(100);
    expect(pace.waitMs()).toBe(500);
    time.now += 500;
    expect(pace.waitMs()).toBe(0);
  });

  test('a pause is over when the receiver is another one', () => {
    const { pace } = paced();
    pace.pauseFor(5000);
    pace.clearPause();
    expect(pace.waitMs()).toBe(0);
  });

  test('waits for both where both are in the way', () => {
    const { pace } = paced(16, 1);
    pace.begin();
    pace.pauseFor(5000);
    expect(pace.waitMs()).toBe(5000);
  });

  test('may begin when the limit was lifted', () => {
    const { pace } = paced(16, 1);
    pace.begin();
    pace.setLimits({ concurrency: 16, rateLimit: { requests: 0, perMs: 1000 } });
    expect(pace.waitMs()).toBe(0);
  });
});
