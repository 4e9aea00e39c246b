import { expect, test } from 'vitest';
import { ManualClock } from '../kubernetes/testing/manual-clock.ts';
import { silentLogger } from '../logger.ts';
import type { FoundWebhook } from './sweep-decision.ts';
import { Sweeper } from './sweeper.ts';

class Fixture {
  readonly clock = new ManualClock();
  readonly log: string[] = [];
  onLog: (line: string) => void = () => undefined;
  stored = new Map<string, FoundWebhook>([['gone', { namespace: 'a', slots: new Set([3]) }]]);
  live: ReadonlySet<string> = new Set(['alive']);
  served = true;
  faults = 0;
  readonly abort = new AbortController();
  readonly sweeper = new Sweeper({
    stored: {
      enumerate: async () => {
        this.note('enumerate');
        if (this.faults-- > 0) throw new Error('no NATS');
        return this.stored;
      },
      remove: async (uid, { slots }) => {
        this.note(`remove ${uid} from ${[...slots].join()}`);
      },
    },
    liveUids: async () => {
      this.note('list');
      return this.live;
    },
    kindIsServed: async () => {
      this.note('kind');
      return this.served;
    },
    watchNamespaces: undefined,
    clock: this.clock,
    logger: silentLogger,
  });

  note(line: string): void {
    this.log.push(line);
    this.onLog(line);
  }

  async pass(ms: number, stepMs: number): Promise<void> {
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    await this.clock.advanceSteps(ms, stepMs);
  }
}

test('uids are enumerated, then listed twice ten minutes apart, then removed', async () => {
  const fixture = new Fixture();
  const sweep = fixture.sweeper.sweep(fixture.abort.signal);
  await fixture.pass(599_000, 100_000);
  expect(fixture.log).toEqual(['enumerate', 'list']);
  await fixture.pass(1_000, 1_000);
  await sweep;
  expect(fixture.log).toEqual(['enumerate', 'list', 'list', 'remove gone from 3']);
});

test('nothing is listed when nothing is stored', async () => {
  const fixture = new Fixture();
  fixture.stored = new Map();
  await fixture.sweeper.sweep(fixture.abort.signal);
  expect(fixture.log).toEqual(['enumerate']);
});

test.each([true, false])('with an empty LIST the CRD is asked for first; served: %s', async (served) => {
  const fixture = new Fixture();
  fixture.live = new Set();
  fixture.served = served;
  const sweep = fixture.sweeper.sweep(fixture.abort.signal);
  await fixture.pass(600_000, 100_000);
  await sweep;
  expect(fixture.log).toEqual(['enumerate', 'list', 'list', 'kind', ...(served ? ['remove gone from 3'] : [])]);
});

test('a sweep ends at once when the slot is another’s, wherever it is', async () => {
  const fixture = new Fixture();
  const sweep = fixture.sweeper.sweep(fixture.abort.signal);
  await fixture.pass(1_000, 1_000);
  fixture.abort.abort();
  await sweep;
  await fixture.sweeper.sweep(fixture.abort.signal);
  expect(fixture.log).toEqual(['enumerate', 'list', 'enumerate']);
});

test('a removal under way is finished, and the next one not begun, when the slot is another’s', async () => {
  const fixture = new Fixture();
  fixture.stored.set('gone-too', { namespace: 'a', slots: new Set([4]) });
  fixture.onLog = (line) => {
    if (line.startsWith('remove')) fixture.abort.abort();
  };
  const sweep = fixture.sweeper.sweep(fixture.abort.signal);
  await fixture.pass(600_000, 100_000);
  await sweep;
  expect(fixture.log.filter((line) => line.startsWith('remove'))).toEqual(['remove gone from 3']);
});

test('sweeps begin after a minute, come every hour, and survive failures', async () => {
  const fixture = new Fixture();
  fixture.faults = 1;
  fixture.stored = new Map();
  const running = fixture.sweeper.run(fixture.abort.signal);
  await fixture.pass(59_000, 1_000);
  expect(fixture.log).toEqual([]);
  await fixture.pass(3_700_000, 50_000);
  expect(fixture.log).toEqual(['enumerate', 'enumerate']);
  fixture.abort.abort();
  await running;
});

test('a failure that comes of the stop is no failure', async () => {
  const fixture = new Fixture();
  fixture.faults = 1;
  const running = fixture.sweeper.run(fixture.abort.signal);
  fixture.onLog = () => fixture.abort.abort();
  await fixture.pass(61_000, 1_000);
  await running;
  expect(fixture.log).toEqual(['enumerate']);
});
