import { expect, test } from 'vitest';
import { partitionOf } from '../delivery/partition.ts';
import { ClaimLostError } from '../delivery/slot-claim.ts';
import type { WebhookConfig } from '../delivery/webhook-config.ts';
import type { WebhookLane } from '../delivery/webhook-lane.ts';
import { initialState, verified, type DisableVerdict } from '../delivery/webhook-state.ts';
import type { KubeObject } from '../kubernetes/kube-object.ts';
import { silentLogger } from '../logger.ts';
import { KnownWebhooks } from './known-webhooks.ts';
import { catalogFixture, classObject, webhookObject } from './objects.fixture.ts';
import { connectTriggers } from './triggers.ts';
import { WebhookReconciler } from './webhook-reconciler.ts';

const partitions = 16;

/** An engine that only remembers configurations, with all slots unless told otherwise. */
class Fixture {
  readonly sources = catalogFixture();
  readonly known = new KnownWebhooks();
  readonly lanes = new Map<string, Pick<WebhookLane, 'uid' | 'config' | 'state'>>();
  readonly calls: string[] = [];
  readonly secretReads: string[] = [];
  readonly lost = new Set<number>();
  upsertFault: Error | undefined;
  secretFault: Error | undefined;
  readonly reconciler = new WebhookReconciler({
    catalog: this.sources.catalog,
    known: this.known,
    engine: {
      slotOf: (source) => partitionOf(source, partitions),
      owns: (slot) => !this.lost.has(slot),
      lane: (uid) => this.lanes.get(uid) as WebhookLane | undefined,
      lanes: () => this.lanes.values() as IterableIterator<WebhookLane>,
      upsert: async (config) => {
        this.calls.push(`upsert ${config.name}`);
        if (this.upsertFault !== undefined) throw this.upsertFault;
        this.lanes.set(config.uid, this.lane(config));
      },
      remove: async (uid) => {
        this.calls.push(`remove ${uid}`);
        this.lanes.delete(uid);
      },
    },
    secrets: {
      read: async ({ name }) => {
        this.secretReads.push(name);
        if (this.secretFault !== undefined) throw this.secretFault;
        return { outcome: 'ok', value: Buffer.from('https://example.com/from-secret') };
      },
    },
    driver: {
      require: ({ name }) => this.calls.push(`verify ${name}`),
      cancel: (uid) => this.calls.push(`cancel ${uid}`),
    },
    changed: (uid) => this.calls.push(`changed ${uid}`),
    forgotten: (key, uid) => this.calls.push(`forgotten ${key} ${uid}`),
    random: () => 0,
  });

  constructor() {
    const queue = { add: () => undefined };
    connectTriggers({ catalog: this.sources.catalog, known: this.known, webhookQueue: queue, classQueue: queue });
    this.sources.classes.set(classObject('standard'));
  }

  lane(config: WebhookConfig, verdict?: DisableVerdict): Pick<WebhookLane, 'uid' | 'config' | 'state'> {
    const state = initialState(config);
    return { uid: config.uid, config, state: verdict === undefined ? state : { ...state, verdict } };
  }

  add(name: string, spec: object = {}, rest: object = {}): KubeObject {
    const object = webhookObject('a', name, { className: 'standard', ...spec }, { ...rest });
    this.sources.webhooks.set(object);
    return object;
  }

  /** @returns what was done, and when the key comes again. */
  async visit(key: string): Promise<[string[], number | undefined]> {
    const context = { logger: silentLogger, signal: new AbortController().signal };
    const result = await this.reconciler.reconcile(key, context);
    return [this.calls.splice(0), result?.requeueAfterMs];
  }
}

test('a new Webhook becomes a lane, is to be verified, and is looked at again after ten minutes', async () => {
  const fixture = new Fixture();
  fixture.add('w');
  expect(await fixture.visit('a/w')).toEqual([['upsert w', 'verify w', 'changed uid-w'], 600_000]);
  expect(await fixture.visit('a/w')).toEqual([['verify w', 'changed uid-w'], 600_000]);
});

test('what did not change is not handed to the engine again, what did is', async () => {
  const fixture = new Fixture();
  fixture.add('w');
  await fixture.visit('a/w');
  fixture.add('w', { events: ['item.>'] }, { metadata: { generation: 2 } });
  expect((await fixture.visit('a/w'))[0]).toContain('upsert w');
});

test('a verified Webhook is not verified again', async () => {
  const fixture = new Fixture();
  fixture.add('w');
  await fixture.visit('a/w');
  const lane = fixture.lanes.get('uid-w');
  if (lane === undefined) throw new Error('no lane');
  const urlHash = lane.config.target?.urlHash ?? '';
  const owed = { stream: 's', sequence: 1 };
  const { state } = verified(lane.state, { urlHash, reason: 'ChallengeAnswered', at: 0 }, owed);
  fixture.lanes.set('uid-w', { ...lane, state });
  expect((await fixture.visit('a/w'))[0]).toEqual(['cancel uid-w', 'changed uid-w']);
});

test('nothing is asked of a URL while the Webhook is suspended, held or disabled', async () => {
  const fixture = new Fixture();
  fixture.add('suspended', { suspend: true });
  expect((await fixture.visit('a/suspended'))[0]).toContain('cancel uid-suspended');
  fixture.add('invalid', { filter: 'this is no CEL (' });
  expect((await fixture.visit('a/invalid'))[0]).toContain('cancel uid-invalid');
  fixture.add('disabled');
  await fixture.visit('a/disabled');
  const { config } = fixture.lanes.get('uid-disabled') ?? {};
  if (config === undefined) throw new Error('no lane');
  const verdict: DisableVerdict = { reason: 'ReceiverGone', message: 'gone', at: 0 };
  fixture.lanes.set('uid-disabled', fixture.lane(config, verdict));
  expect((await fixture.visit('a/disabled'))[0]).toContain('cancel uid-disabled');
});

test('Secrets are read again within 30 s, and soon when they could not be read', async () => {
  const fixture = new Fixture();
  fixture.add('w', { url: undefined, urlFrom: { secretKeyRef: { name: 'crm', key: 'url' } } });
  expect((await fixture.visit('a/w'))[1]).toBe(20_000);
  expect(fixture.secretReads).toEqual(['crm']);
  fixture.secretFault = new Error('no API server');
  expect((await fixture.visit('a/w'))[1]).toBe(5_000);
});

test('a Webhook of another replica’s slot is left alone, and its Secrets are not read', async () => {
  const fixture = new Fixture();
  fixture.add('w', { url: undefined, urlFrom: { secretKeyRef: { name: 'crm', key: 'url' } } });
  fixture.lost.add(partitionOf('a', partitions));
  expect(await fixture.visit('a/w')).toEqual([['cancel uid-w'], undefined]);
  expect(fixture.secretReads).toEqual([]);
});

test('a Webhook whose slot went to another replica is forgotten', async () => {
  const fixture = new Fixture();
  fixture.add('w');
  await fixture.visit('a/w');
  fixture.lost.add(partitionOf('a', partitions));
  expect(await fixture.visit('a/w')).toEqual([['cancel uid-w', 'forgotten a/w uid-w'], undefined]);
});

test('a deleted Webhook is removed once, and its successor under the same name is a new one', async () => {
  const fixture = new Fixture();
  const object = fixture.add('w');
  await fixture.visit('a/w');
  fixture.sources.webhooks.delete(object);
  expect(await fixture.visit('a/w')).toEqual([['cancel uid-w', 'forgotten a/w uid-w', 'remove uid-w'], undefined]);
  expect(await fixture.visit('a/w')).toEqual([[], undefined]);
  fixture.add('w', {}, { metadata: { uid: 'second' } });
  expect((await fixture.visit('a/w'))[0]).toContain('upsert w');
  fixture.add('w', {}, { metadata: { uid: 'third' } });
  const [calls] = await fixture.visit('a/w');
  expect(calls).toContain('remove second');
  expect(calls).toContain('changed third');
});

test('a class that is found late may move a Webhook to the slot of its source', async () => {
  const fixture = new Fixture();
  fixture.add('w', { className: 'public' });
  const [calls] = await fixture.visit('a/w');
  // No source is bound yet: it has no lane, but a status.
  expect(calls).toEqual(['cancel uid-w', 'changed uid-w']);
  fixture.sources.classes.set(classObject('public', { source: { name: 'shared' } }));
  expect((await fixture.visit('a/w'))[0]).toContain('upsert w');
  expect(fixture.lanes.get('uid-w')?.config.source).toBe('shared');
});

test('a lane in another slot than the one where the Webhook lives now is removed', async () => {
  const fixture = new Fixture();
  fixture.add('w');
  await fixture.visit('a/w');
  const lane = fixture.lanes.get('uid-w');
  if (lane === undefined) throw new Error('no lane');
  fixture.lanes.set('uid-w', { ...lane, config: { ...lane.config, source: 'elsewhere' } });
  expect((await fixture.visit('a/w'))[0].slice(0, 2)).toEqual(['remove uid-w', 'upsert w']);
});

test('what a Webhook was bound to stays, also before it is in its status', async () => {
  const fixture = new Fixture();
  const marked = { annotations: { 'webhook-operator.dev/is-default-class': 'true' } };
  fixture.sources.classes.set(classObject('first', {}, marked));
  fixture.add('w', { className: undefined });
  await fixture.visit('a/w');
  fixture.sources.classes.set(classObject('first', {}, { generation: 2 }));
  fixture.sources.classes.set(classObject('second', { source: { name: 'shared' } }, marked));
  await fixture.visit('a/w');
  expect(fixture.known.get('uid-w')?.resolution).toMatchObject({ className: 'first', source: 'a' });
});

test('a slot that was lost meanwhile is no failure, anything else is', async () => {
  const fixture = new Fixture();
  fixture.add('w');
  fixture.upsertFault = new ClaimLostError('lost');
  expect(await fixture.visit('a/w')).toEqual([['upsert w'], undefined]);
  fixture.upsertFault = new Error('a defect');
  await expect(fixture.visit('a/w')).rejects.toThrow('a defect');
});

test('a new owner learns of every Webhook of its slot from LISTs of its own, of the invalid ones too', async () => {
  const fixture = new Fixture();
  fixture.add('valid');
  fixture.add('invalid', { filter: 'this is no CEL (' });
  fixture.add('classless', { className: 'unknown' });
  fixture.sources.webhooks.set(webhookObject('elsewhere', 'other', { className: 'standard' }));
  const slot = partitionOf('a', partitions);
  const configs = await fixture.reconciler.loadConfigs(slot);
  expect(new Map(configs.map(({ name, hold }) => [name, hold]))).toEqual(
    new Map([
      ['valid', undefined],
      ['invalid', 'InvalidSpec'],
    ]),
  );
  expect(fixture.sources.webhooks.relists).toBe(1);
  expect(fixture.known.get('uid-valid')).toMatchObject({ key: 'a/valid', slot });
});

test('after a takeover all Webhooks of the slot are looked at, and those that went meanwhile', async () => {
  const fixture = new Fixture();
  fixture.add('w');
  const gone = fixture.add('gone');
  await fixture.visit('a/gone');
  fixture.sources.webhooks.delete(gone);
  fixture.known.cleared('a/gone', 'uid-gone');
  expect(fixture.reconciler.keysOfSlot(partitionOf('a', partitions)).sort()).toEqual(['a/gone', 'a/w']);
  expect((await fixture.visit('a/gone'))[0]).toContain('remove uid-gone');
  expect(fixture.reconciler.keysOfSlot(1 + partitionOf('a', partitions))).toEqual([]);
});

test('an ordered Webhook counts among the ordered ones', async () => {
  const fixture = new Fixture();
  fixture.add('w', { delivery: { ordered: true } });
  expect((await fixture.visit('a/w'))[0]).toContain('upsert w');
});
