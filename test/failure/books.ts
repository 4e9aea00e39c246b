import type { NatsBroker } from '../../src/jetstream/nats-broker.ts';
import {
  audit,
  auditLine,
  violations,
  type AuditedWebhook,
  type AuditResult,
  type Fault,
  type StoredEvent,
} from './audit.ts';
import type { Producer } from './producer.ts';
import type { RecordingReceiver } from './recording-receiver.ts';
import { heldDeliveries, storedEvents } from './stream-contents.ts';

/** What a failure test knows of its own doings: what is owed to whom, and which repeats have a cause. */
export class Books {
  /** By `<namespace>/<name>`. */
  readonly webhooks = new Map<string, AuditedWebhook>();
  readonly faults: Fault[] = [];
  readonly producers: Producer[] = [];
  readonly #broker: NatsBroker;
  readonly #receiver: RecordingReceiver;
  readonly #startedAt = performance.now();

  constructor({ broker, receiver }: { readonly broker: NatsBroker; readonly receiver: RecordingReceiver }) {
    this.#broker = broker;
    this.#receiver = receiver;
  }

  /** Owes this Webhook nothing any more; what still comes is not unexpected. */
  forgive(webhook: string): void {
    const known = this.webhooks.get(webhook);
    if (known !== undefined) this.webhooks.set(webhook, { ...known, owedAfter: Number.POSITIVE_INFINITY });
  }

  /** The uids of all that nothing is owed to. */
  forgiven(): ReadonlySet<string> {
    const all = [...this.webhooks.values()];
    return new Set(all.filter(({ owedAfter }) => owedAfter === Number.POSITIVE_INFINITY).map(({ uid }) => uid));
  }

  /** Prints the audit's line and whatever is not as it should be; throws for the latter. */
  async assertAudit(name: string): Promise<AuditResult> {
    const result = await this.audit(name);
    const wrong = violations(result);
    if (wrong.length > 0) throw new Error(`${name}: ${wrong.join('; ')}`);
    return result;
  }

  /** Prints the audit's line. Throws when an event that NATS confirmed is not in the stream. */
  async audit(name: string): Promise<AuditResult> {
    const events = await storedEvents(this.#broker);
    const stored = new Map(events.map(({ id, sequence }) => [id, sequence]));
    for (const { accepted } of this.producers) {
      const missing = [...accepted].filter(([id, sequence]) => stored.get(id) !== sequence);
      if (missing.length > 0)
        throw new Error(`${missing.length} events were confirmed by NATS, and are not in the stream`);
    }
    const forgiven = this.forgiven();
    const held = await heldDeliveries(this.#broker);
    const result = audit({
      events,
      webhooks: [...this.webhooks.values()],
      receipts: this.#receiver.deliveries.map(({ webhook, eventID, time, status }) => ({
        uid: this.webhooks.get(webhook)?.uid ?? webhook,
        eventID,
        time,
        accepted: status >= 200 && status < 300,
      })),
      held: held.filter(({ uid }) => !forgiven.has(uid)),
      faults: this.faults,
    });
    console.log(auditLine(name, result, performance.now() - this.#startedAt));
    for (const { webhook, event } of [...result.lost, ...result.unexplained].slice(0, 10)) {
      this.#explain(webhook, event);
    }
    for (const { uid, eventID, time } of [...result.unexpected, ...result.outOfOrder].slice(0, 10)) {
      const name = [...this.webhooks].find(([, webhook]) => webhook.uid === uid)?.[0] ?? uid;
      console.log(`${name} got ${eventID} at ${new Date(time).toISOString()}`);
    }
    return result;
  }

  /** Prints all that is known of a pair that is not as it should be. */
  #explain({ source, name }: AuditedWebhook, { id, sequence, partition }: StoredEvent): void {
    const requests = this.#receiver.deliveries
      .filter(({ webhook, eventID }) => webhook === `${source}/${name}` && eventID === id)
      .map(({ time, attempt, status }) => `${new Date(time).toISOString()} attempt ${attempt}: ${status}`);
    const what = `${source}/${name}, event ${sequence} (${id}) of partition ${partition}`;
    console.log(`${what}: ${requests.join(', ') || 'no request'}`);
  }
}
