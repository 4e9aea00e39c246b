import { expect, test } from 'vitest';
import type { WebhookConfig } from '../delivery/webhook-config.ts';
import type { OwnerClaim } from '../jetstream/state-store.ts';
import type { MembersHandler } from '../kubernetes/membership.ts';
import { assignSlots } from '../kubernetes/rendezvous.ts';
import { ManualClock } from '../kubernetes/testing/manual-clock.ts';
import { silentLogger } from '../logger.ts';
import { SlotManager } from './slot-manager.ts';

/** An engine of four slots that does as it is told, and a membership of `a` (us) and whoever else. */
class Fixture {
  readonly clock = new ManualClock();
  readonly calls: string[] = [];
  readonly running = new Set<number>();
  readonly claims = new Map<number, OwnerClaim>();
  readonly acquired: number[] = [];
  owned: number[] = [];
  hasLease = true;
  failing = 0;
  releaseFault: Error | undefined;
  /** Set to hold every acquire until it is called. */
  gate: Promise<void> = Promise.resolve();
  endings = new Map<number, () => void>();
  #members: readonly string[] = [];
  readonly #handlers = new Set<MembersHandler>();

  readonly manager = new SlotManager({
    engine: {
      slotCount: 4,
      owns: (slot) => this.running.has(slot),
      acquire: async (slot: number, loadConfigs: () => Promise<readonly WebhookConfig[]>, onEnded: () => void) => {
        this.calls.push(`acquire ${slot}`);
        this.endings.set(slot, onEnded);
        await this.gate;
        await loadConfigs();
        if (this.failing > 0) {
          this.failing -= 1;
          onEnded();
          throw new Error('no NATS');
        }
        this.running.add(slot);
      },
      release: async (slot, graceMs) => {
        this.calls.push(`release ${slot} ${graceMs}`);
        if (this.releaseFault !== undefined) throw this.releaseFault;
        this.running.delete(slot);
        this.endings.get(slot)?.();
        await Promise.resolve();
      },
    },
    membership: {
      identity: 'a',
      members: () => this.#members,
      hasLease: () => this.hasLease,
      onChange: (handler) => {
        this.#handlers.add(handler);
        return () => this.#handlers.delete(handler);
      },
    },
    readClaim: async (slot) => this.claims.get(slot),
    loadConfigs: async () => [],
    onAcquired: (slot) => this.acquired.push(slot),
    onOwned: (slots) => {
      this.owned = [...slots].sort((a, b) => a - b);
    },
    releaseGraceMs: 7000,
    clock: this.clock,
    logger: silentLogger,
  });

  async setMembers(...members: string[]): Promise<void> {
    this.#members = members;
    for (const handler of this.#handlers) handler(members);
    await this.settle();
  }

  async settle(ms = 0): Promise<void> {
    await this.clock.advanceSteps(ms, 250);
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }
}

test('a lone member takes every slot once it has joined', async () => {
  const fixture = new Fixture();
  fixture.manager.start();
  expect(fixture.calls).toEqual([]);
  await fixture.setMembers('a');
  expect(fixture.owned).toEqual([0, 1, 2, 3]);
  expect(fixture.acquired.sort((a, b) => a - b)).toEqual([0, 1, 2, 3]);
  await fixture.settle(5000);
  expect(fixture.calls).toHaveLength(4);
});

test('slots go to a member that comes, with the grace for what is in flight, and come back when it goes', async () => {
  const fixture = new Fixture();
  fixture.manager.start();
  await fixture.setMembers('a');
  await fixture.setMembers('a', 'b');
  const kept = fixture.owned;
  expect(kept.length).toBeLessThan(4);
  const released = [0, 1, 2, 3].filter((slot) => !kept.includes(slot));
  expect(fixture.calls.slice(4)).toEqual(released.map((slot) => `release ${slot} 7000`));
  await fixture.setMembers('a');
  expect(fixture.owned).toEqual([0, 1, 2, 3]);
});

test('nothing is taken while our own Lease is not valid', async () => {
  const fixture = new Fixture();
  fixture.hasLease = false;
  fixture.manager.start();
  await fixture.setMembers('a');
  await fixture.settle(3000);
  expect(fixture.calls).toEqual([]);
  fixture.hasLease = true;
  await fixture.settle(1000);
  expect(fixture.owned).toHaveLength(4);
});

test('a slot of an owner that is alive is waited for, and taken when it is released', async () => {
  const fixture = new Fixture();
  const ours = [...assignSlots(['a', 'b'], 4)].filter(([, owner]) => owner === 'a').map(([slot]) => slot);
  for (const slot of ours) fixture.claims.set(slot, { generation: 1, member: 'b', released: false });
  fixture.manager.start();
  await fixture.setMembers('a', 'b');
  await fixture.settle(5000);
  expect(fixture.calls).toEqual([]);
  const [first = 0] = ours;
  fixture.claims.set(first, { generation: 1, member: 'b', released: true });
  await fixture.settle(2000);
  expect(fixture.owned).toEqual([first]);
});

test('an owner gets all the patience again when a slot comes back to us', async () => {
  const fixture = new Fixture();
  for (const slot of [0, 1, 2, 3]) fixture.claims.set(slot, { generation: 1, member: 'b', released: false });
  fixture.manager.start();
  await fixture.setMembers('a', 'b');
  await fixture.settle(50_000);
  await fixture.setMembers('b');
  await fixture.setMembers('a', 'b');
  await fixture.settle(50_000);
  expect(fixture.calls).toEqual([]);
});

test('an owner that does not let go within a minute loses the slot', async () => {
  const fixture = new Fixture();
  for (const slot of [0, 1, 2, 3]) fixture.claims.set(slot, { generation: 1, member: 'b', released: false });
  fixture.manager.start();
  await fixture.setMembers('a', 'b');
  await fixture.settle(55_000);
  expect(fixture.calls).toEqual([]);
  await fixture.settle(10_000);
  expect(fixture.owned.length).toBeGreaterThan(0);
});

test('a slot that could not be taken is tried again, later and later', async () => {
  const fixture = new Fixture();
  fixture.failing = 12;
  fixture.manager.start();
  await fixture.setMembers('a');
  expect(fixture.calls).toHaveLength(4);
  await fixture.settle(1000);
  expect(fixture.calls).toHaveLength(8);
  await fixture.settle(1000);
  expect(fixture.calls).toHaveLength(8);
  await fixture.settle(1000);
  expect(fixture.calls).toHaveLength(12);
  await fixture.settle(4000);
  expect(fixture.owned).toHaveLength(4);
});

test('a slot that another one took is taken again after a while, if it is still ours by the members', async () => {
  const fixture = new Fixture();
  fixture.manager.start();
  await fixture.setMembers('a');
  fixture.running.delete(2);
  fixture.endings.get(2)?.();
  expect(fixture.owned).toEqual([0, 1, 3]);
  await fixture.settle(2000);
  expect(fixture.owned).toEqual([0, 1, 2, 3]);
});

test('a slot that is lost in the moment in which it was taken does not count as owned', async () => {
  const fixture = new Fixture();
  fixture.manager.start();
  const { promise, resolve } = Promise.withResolvers<void>();
  fixture.gate = promise;
  await fixture.setMembers('a');
  const add = fixture.running.add.bind(fixture.running);
  fixture.running.add = (slot) => (slot === 1 ? fixture.running : add(slot));
  resolve();
  await fixture.settle();
  expect(fixture.owned).toEqual([0, 2, 3]);
  fixture.running.add = add;
  await fixture.settle(2000);
  expect(fixture.owned).toEqual([0, 1, 2, 3]);
});

test('a takeover that hangs is given up when the slot is no longer ours', async () => {
  const fixture = new Fixture();
  fixture.manager.start();
  const { promise, resolve } = Promise.withResolvers<void>();
  fixture.gate = promise;
  await fixture.setMembers('a');
  await fixture.setMembers('b');
  expect(fixture.calls.filter((call) => call.startsWith('release')).sort()).toEqual(
    [0, 1, 2, 3].map((slot) => `release ${slot} 0`),
  );
  fixture.failing = 4;
  resolve();
  await fixture.settle();
  expect(fixture.owned).toEqual([]);
});

test('after a stop nothing is taken any more', async () => {
  const fixture = new Fixture();
  fixture.manager.start();
  fixture.manager.stop();
  await fixture.setMembers('a');
  await fixture.settle(5000);
  expect(fixture.calls).toEqual([]);
  expect(fixture.clock.pendingTimers).toBe(0);
});

test('a slot is not taken when the process stops while its claim is read', async () => {
  const fixture = new Fixture();
  fixture.manager.start();
  const joined = fixture.setMembers('a');
  fixture.manager.stop();
  await joined;
  expect(fixture.calls).toEqual([]);
});

test('a slot that could not be handed over in order is not ours any more all the same', async () => {
  const fixture = new Fixture();
  fixture.manager.start();
  await fixture.setMembers('a');
  fixture.releaseFault = new Error('no NATS');
  await fixture.setMembers('b');
  expect(fixture.owned).toEqual([]);
});

test('a stop before the start does nothing', () => {
  const fixture = new Fixture();
  fixture.manager.stop();
  expect(fixture.clock.pendingTimers).toBe(0);
});
