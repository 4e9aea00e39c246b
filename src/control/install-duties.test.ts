import { expect, test } from 'vitest';
import type { StreamState } from '../jetstream/broker.ts';
import { ManualClock } from '../kubernetes/testing/manual-clock.ts';
import { silentLogger } from '../logger.ts';
import { InstallDuties } from './install-duties.ts';

class Fixture {
  readonly clock = new ManualClock();
  readonly log: string[] = [];
  failing = false;
  readonly duties = new InstallDuties({
    ensureStreams: async () => {
      this.log.push('ensure');
      if (this.failing) throw new Error('no NATS');
    },
    streams: async () => [{ name: 'EVENTS' } as StreamState],
    onStream: ({ name }) => this.log.push(name),
    sweeper: {
      run: async (signal) => {
        this.log.push('sweep');
        signal.addEventListener('abort', () => this.log.push('swept'));
      },
    },
    clock: this.clock,
    logger: silentLogger,
  });

  async pass(ms: number): Promise<string[]> {
    this.clock.advance(ms);
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    return this.log.splice(0);
  }
}

test('the owner of slot 0 looks after the streams, and sweeps, until the slot is another’s', async () => {
  const fixture = new Fixture();
  fixture.duties.set(true);
  fixture.duties.set(true);
  expect(fixture.duties.isOurs).toBe(true);
  expect(await fixture.pass(0)).toEqual(['sweep', 'ensure', 'EVENTS']);
  expect(await fixture.pass(15_000)).toEqual(['ensure', 'EVENTS']);
  fixture.duties.set(false);
  fixture.duties.set(false);
  expect(fixture.duties.isOurs).toBe(false);
  expect(await fixture.pass(60_000)).toEqual(['swept']);
  expect(fixture.clock.pendingTimers).toBe(0);
});

test('a failure does not end it', async () => {
  const fixture = new Fixture();
  fixture.failing = true;
  fixture.duties.set(true);
  expect(await fixture.pass(0)).toEqual(['sweep', 'ensure']);
  fixture.failing = false;
  expect(await fixture.pass(15_000)).toEqual(['ensure', 'EVENTS']);
});

test('a look that fails because the slot is another’s is the last one', async () => {
  const fixture = new Fixture();
  fixture.failing = true;
  fixture.duties.set(true);
  fixture.duties.set(false);
  await fixture.pass(0);
  expect(await fixture.pass(60_000)).toEqual([]);
});
