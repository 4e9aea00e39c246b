import { setTimeout as delay } from 'node:timers/promises';
import { openApiAccess } from '../failure/api-access.ts';
import { watchExposures, type ExposureRecorder } from '../failure/exposure-recorder.ts';
import { mixedWebhooks } from '../failure/mixed-load.ts';
import type { Producer } from '../failure/producer.ts';
import { Stand, type OnEnd, type WebhookSpec } from '../failure/stand.ts';
import { until } from '../failure/until.ts';
import { MoodyReceivers } from './receiver-moods.ts';
import { Replica } from './replica.ts';

const namespaces = ['team-a', 'team-b', 'team-c', 'team-d'];
/** The first is asked for by every webhook all the time; the second comes and goes. */
const types = ['item.created', 'item.changed'];

export interface ChaosOptions {
  readonly replicas: number;
  readonly natsServers: 1 | 3;
  readonly eventsPerSecond: number;
}

/** What the faults happen to. */
export class ChaosWorld {
  readonly stand: Stand;
  readonly recorder: ExposureRecorder;
  readonly producer: Producer;
  readonly receivers = new MoodyReceivers();
  readonly replicas: readonly Replica[];
  /** Joins and leaves. */
  readonly guest: Replica;
  readonly namespaces = namespaces;
  /** There from the beginning to the end. */
  readonly webhooks: readonly WebhookSpec[];
  /** Made, and perhaps deleted again, by faults. */
  readonly guests = new Set<WebhookSpec>();

  private constructor(parts: {
    readonly stand: Stand;
    readonly recorder: ExposureRecorder;
    readonly producer: Producer;
    readonly replicas: readonly Replica[];
    readonly guest: Replica;
    readonly webhooks: readonly WebhookSpec[];
  }) {
    this.stand = parts.stand;
    this.recorder = parts.recorder;
    this.producer = parts.producer;
    this.replicas = parts.replicas;
    this.guest = parts.guest;
    this.webhooks = parts.webhooks;
    this.stand.receiver.answer(this.receivers.answer);
  }

  static async start(onEnd: OnEnd, options: ChaosOptions): Promise<ChaosWorld> {
    const { replicas: count, natsServers, eventsPerSecond } = options;
    const stand = await Stand.start(onEnd, namespaces, { natsServers });
    const replica = async (name: string): Promise<Replica> =>
      new Replica({ name, access: await openApiAccess(stand, onEnd), stand });
    const replicas = await Promise.all(Array.from({ length: count }, (_, index) => replica(`operator-${index}`)));
    const guest = await replica('operator-guest');
    await Promise.all(replicas.map((one) => one.start()));
    const webhooks: WebhookSpec[] = [
      ...mixedWebhooks(namespaces),
      ...namespaces.map((namespace) => ({ namespace, name: 'ordered', delivery: { ordered: true } })),
    ];
    await stand.createWebhooks(webhooks);
    await stand.waitForOwners(replicas.map(({ process }) => process));
    const recorder = await watchExposures(stand, onEnd);
    const producer = await stand.startProducer({ sources: namespaces, types });
    producer.run(eventsPerSecond);
    return new ChaosWorld({ stand, recorder, producer, replicas, guest, webhooks });
  }

  /** Changes something by the API server, again and again while that is away. */
  async edit(what: string, change: () => Promise<void>): Promise<void> {
    let reason: unknown;
    await until(
      what,
      async () => {
        try {
          await change();
          return true;
        } catch (error) {
          reason = error;
          await delay(500);
          return false;
        }
      },
      150_000,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}: ${String(reason)}`);
    });
  }

  /** Asks for the second type of events too, or no more. */
  async setOptionalEvents(webhook: WebhookSpec, isWanted: boolean): Promise<void> {
    const { books } = this.stand;
    const key = `${webhook.namespace}/${webhook.name}`;
    const known = books.webhooks.get(key);
    if (known !== undefined) books.webhooks.set(key, { ...known, formerEvents: types.slice(1) });
    await this.edit(`${key} asks for other events`, () =>
      this.stand.patch(webhook, { events: isWanted ? types : types.slice(0, 1) }),
    );
  }

  /** Lets every webhook work again, whatever was done to it. */
  async heal(): Promise<void> {
    this.receivers.clear();
    const heal = async (webhook: WebhookSpec): Promise<void> => {
      const name = `${webhook.namespace}/${webhook.name}`;
      await this.edit(`${name} is resumed`, () => this.stand.patch(webhook, { suspend: false }));
      await this.reactivate(webhook);
    };
    await Promise.all([...this.webhooks, ...this.guests].map(heal));
  }

  /** Toggles it when it is disabled, and waits until it is active. */
  async reactivate(webhook: WebhookSpec): Promise<void> {
    const name = `${webhook.namespace}/${webhook.name}`;
    const work = async (): Promise<void> => {
      const { conditions } = await this.stand.status(webhook);
      if (conditions['Active']?.status === 'True') return;
      if (conditions['Disabled']?.status === 'True') {
        await this.stand.patch(webhook, { suspend: true });
        await this.stand.waitForCondition(webhook, 'Disabled', 'False', 20_000);
        await this.stand.patch(webhook, { suspend: false });
      }
      await this.stand.waitForCondition(webhook, 'Active', 'True', 20_000);
    };
    await this.edit(`${name} is active`, work);
  }
}
