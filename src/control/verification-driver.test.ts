import { expect, test } from 'vitest';
import type { VerificationResult } from '../delivery/verification.ts';
import type { Verification } from '../delivery/webhook-state.ts';
import { ManualClock } from '../kubernetes/testing/manual-clock.ts';
import { silentLogger } from '../logger.ts';
import { configFixture } from './config.fixture.ts';
import type { VerificationProgress } from './lane-view.ts';
import { VerificationDriver } from './verification-driver.ts';

const refused: VerificationResult = { ok: false, reason: 'HTTPStatus', message: 'the receiver answered 500' };
const answered: VerificationResult = { ok: true, reason: 'ChallengeAnswered' };

class Fixture {
  readonly clock = new ManualClock();
  readonly tried: { readonly url: string; readonly at: number }[] = [];
  readonly verified: (Verification & { readonly uid: string })[] = [];
  readonly failed: VerificationProgress[] = [];
  result: VerificationResult = refused;
  /** Each try waits for this. */
  gate: Promise<void> = Promise.resolve();
  storing: Promise<void> = Promise.resolve();
  readonly #begin = this.clock.monotonic();
  readonly driver = new VerificationDriver({
    verify: async (target) => {
      this.tried.push({ url: target.url, at: this.clock.monotonic() - this.#begin });
      await this.gate;
      return this.result;
    },
    onVerified: async (uid, verification) => {
      await this.storing;
      this.verified.push({ uid, ...verification });
    },
    onFailed: (_uid, progress) => this.failed.push(progress),
    clock: this.clock,
    logger: silentLogger,
  });

  async settle(): Promise<void> {
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }

  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    await this.settle();
  }
}

test('a URL is tried at once, and never again when it has proved itself', async () => {
  const fixture = new Fixture();
  fixture.result = answered;
  fixture.driver.require(configFixture());
  expect(fixture.driver.progress('uid-1')).toEqual({ tries: 0, exhausted: false });
  await fixture.settle();
  expect(fixture.verified).toEqual([
    { uid: 'uid-1', urlHash: 'sha256:1', reason: 'ChallengeAnswered', at: fixture.clock.now() },
  ]);
  expect(fixture.driver.progress('uid-1')).toBeUndefined();
  await fixture.pass(100_000);
  expect(fixture.tried).toHaveLength(1);
});

test('a URL that does not answer is tried by the schedule, and given up in the end', async () => {
  const fixture = new Fixture();
  const config = configFixture();
  fixture.driver.require(config);
  await fixture.settle();
  expect(fixture.failed).toEqual([
    {
      tries: 1,
      lastFailure: { reason: 'HTTPStatus', message: 'the receiver answered 500' },
      nextTryAt: fixture.clock.now() + 5000,
      exhausted: false,
    },
  ]);
  for (const delayMs of [5_000, 15_000, 60_000, 300_000, 900_000]) await fixture.pass(delayMs);
  expect(fixture.tried.map(({ at }) => at)).toEqual([0, 5_000, 20_000, 80_000, 380_000, 1_280_000]);
  for (let hour = 0; hour < 30; hour += 1) {
    // What looks again now and then does not begin anew.
    fixture.driver.require(config);
    await fixture.pass(3_600_000);
  }
  expect(fixture.tried).toHaveLength(30);
  expect(fixture.driver.progress('uid-1')).toMatchObject({ tries: 30, nextTryAt: undefined, exhausted: true });
});

test('a changed spec or annotation begins anew, also after the last try', async () => {
  const fixture = new Fixture();
  fixture.driver.require(configFixture());
  await fixture.settle();
  fixture.driver.require(configFixture({ generation: 2 }));
  await fixture.settle();
  expect(fixture.tried.map(({ at }) => at)).toEqual([0, 0]);
  expect(fixture.driver.progress('uid-1')?.tries).toBe(1);
  await fixture.pass(5_000);
  expect(fixture.tried).toHaveLength(3);
});

test('each try uses the headers and the URL as they are then', async () => {
  const fixture = new Fixture();
  const config = configFixture();
  fixture.driver.require(config);
  await fixture.settle();
  const { target } = config;
  if (target === undefined) throw new Error('the fixture has a target');
  fixture.driver.require({ ...config, target: { ...target, url: 'not a URL, but what a Secret holds' } });
  await fixture.pass(5_000);
  expect(fixture.tried.map(({ url }) => url)).toEqual([target.url, 'not a URL, but what a Secret holds']);
});

test('a try that is under way counts for nothing after the webhook was held, changed or removed', async () => {
  const fixture = new Fixture();
  const { promise, resolve } = Promise.withResolvers<void>();
  fixture.gate = promise;
  fixture.result = answered;
  fixture.driver.require(configFixture());
  fixture.driver.cancel('uid-1');
  fixture.driver.cancel('uid-1');
  resolve();
  await fixture.settle();
  expect(fixture.verified).toEqual([]);
  expect(fixture.driver.progress('uid-1')).toBeUndefined();
});

test('a success that can not be stored is tried again when the webhook is looked at again', async () => {
  const fixture = new Fixture();
  fixture.result = answered;
  fixture.storing = Promise.reject(new Error('no NATS'));
  fixture.storing.catch(() => undefined);
  fixture.driver.require(configFixture());
  await fixture.settle();
  expect(fixture.verified).toEqual([]);
  fixture.storing = Promise.resolve();
  fixture.driver.require(configFixture());
  await fixture.settle();
  expect(fixture.verified).toHaveLength(1);
});

test('a success that is stored while the webhook changes does not end the tries of the new URL', async () => {
  const fixture = new Fixture();
  const { promise, resolve } = Promise.withResolvers<void>();
  fixture.storing = promise;
  fixture.result = answered;
  fixture.driver.require(configFixture());
  await fixture.settle();
  fixture.result = refused;
  fixture.driver.require(configFixture({ generation: 2 }));
  resolve();
  await fixture.settle();
  expect(fixture.driver.progress('uid-1')).toMatchObject({ tries: 1 });
});

test('a webhook without a target is not tried', async () => {
  const fixture = new Fixture();
  const { target: _target, ...config } = configFixture();
  fixture.driver.require(config);
  await fixture.settle();
  expect(fixture.tried).toEqual([]);
});

test('a stop ends every try', async () => {
  const fixture = new Fixture();
  fixture.driver.require(configFixture());
  fixture.driver.require(configFixture({ uid: 'uid-2' }));
  await fixture.settle();
  fixture.driver.stop();
  await fixture.pass(100_000);
  expect(fixture.tried).toHaveLength(2);
  expect(fixture.clock.pendingTimers).toBe(0);
});

test('thousands of hosts that hang do not keep the others from being tried', async () => {
  const fixture = new Fixture();
  const { promise } = Promise.withResolvers<void>();
  fixture.gate = promise;
  const target = configFixture().target;
  if (target === undefined) throw new Error('the fixture has a target');
  for (let index = 0; index < 2000; index += 1) {
    fixture.driver.require(configFixture({ uid: `hanging-${index}` }));
  }
  expect(fixture.tried).toHaveLength(64);
  fixture.gate = Promise.resolve();
  const url = 'https://healthy.example.com/';
  for (let index = 0; index < 500; index += 1) {
    fixture.driver.require(configFixture({ uid: `healthy-${index}`, target: { ...target, url } }));
  }
  for (let turn = 0; turn < 20; turn += 1) await fixture.settle();
  expect(fixture.tried.filter((tried) => tried.url === url)).toHaveLength(500);
});
