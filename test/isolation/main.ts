// npm run isolation: shows that webhooks that hang cost the others nothing.
import { setTimeout as delay } from 'node:timers/promises';
import { median, percentile } from '../bench/statistics.ts';
import type { Producer } from '../failure/producer.ts';
import type { OperatorProcess } from '../operator/operator-process.ts';
import { Stand, type OnEnd, type WebhookSpec } from '../failure/stand.ts';
import { until } from '../failure/until.ts';

const total = 1000;
const hanging = 50;
const namespace = 'team-a';
const burstSize = 20 * total;
const healthyPerBurst = (burstSize / total) * (total - hanging);
const steadyRate = 300;
const steadySeconds = 4;
/** What else the machine does meanwhile hits a few of them. */
const spells = 5;
const bursts = 5;
/** What the others must keep. */
const limits = { throughput: 0.95, p99: 2 };

interface Measurement {
  /** Deliveries a second of the healthy ones while as much as possible is to be done: the best of several bursts. */
  readonly throughput: number;
  /** Of the operator in those bursts, for each of those deliveries. */
  readonly cpuMicroseconds: number;
  /** Milliseconds from publishing to arrival at the healthy ones, at a rate that is no burden: the median of several spells. */
  readonly p99: number;
}

class IsolationRun {
  readonly #stand: Stand;
  readonly #producer: Producer;
  readonly #operator: OperatorProcess;
  #latencies: number[] = [];
  #healthyDeliveries = 0;

  private constructor(stand: Stand, operator: OperatorProcess, producer: Producer) {
    this.#stand = stand;
    this.#operator = operator;
    this.#producer = producer;
  }

  static async start(onEnd: OnEnd): Promise<IsolationRun> {
    const stand = await Stand.start(onEnd, [namespace]);
    const operator = await stand.startOperator();
    const webhooks: WebhookSpec[] = Array.from({ length: total }, (_, index) => ({
      namespace,
      name: `webhook-${index}`,
      events: [`item.n${index}`],
    }));
    await stand.createWebhooks(webhooks);
    const types = webhooks.flatMap(({ events = [] }) => events);
    return new IsolationRun(stand, operator, await stand.startProducer({ sources: [namespace], types }));
  }

  /** @param doHang whether the first ones never answer */
  answer(doHang: boolean): void {
    this.#stand.receiver.answer(({ webhook, time }, { body }) => {
      if (Number(webhook.slice(webhook.lastIndexOf('-') + 1)) < hanging) return doHang ? { refusal: 'hang' } : {};
      this.#healthyDeliveries += 1;
      const { publishedAt } = JSON.parse(body.toString('utf8')) as { readonly publishedAt: number };
      this.#latencies.push(time - publishedAt);
      return {};
    });
  }

  async measure(): Promise<Measurement> {
    const p99s: number[] = [];
    this.#producer.run(steadyRate);
    for (let number = 0; number < spells; number += 1) {
      this.#latencies = [];
      await delay(steadySeconds * 1000);
      p99s.push(
        percentile(
          this.#latencies.toSorted((a, b) => a - b),
          0.99,
        ),
      );
    }
    await this.#producer.pause();
    const throughputs: number[] = [];
    const cpuBefore = await this.#cpuSeconds();
    for (let number = 0; number < bursts; number += 1) throughputs.push(await this.burst());
    const cpuSeconds = (await this.#cpuSeconds()) - cpuBefore;
    const cpuMicroseconds = (cpuSeconds * 1_000_000) / (bursts * healthyPerBurst);
    return { throughput: Math.max(...throughputs), cpuMicroseconds, p99: median(p99s) };
  }

  async #cpuSeconds(): Promise<number> {
    const found = /^process_cpu_seconds_total (\S+)/m.exec(await this.#operator.metrics());
    return Number(found?.[1]);
  }

  /** Deliveries a second of the healthy ones. */
  async burst(): Promise<number> {
    const goal = this.#healthyDeliveries + healthyPerBurst;
    const startedAt = performance.now();
    await this.#producer.burst(burstSize);
    await until('the healthy webhooks have their events', () => this.#healthyDeliveries >= goal, 120_000);
    return (healthyPerBurst / (performance.now() - startedAt)) * 1000;
  }
}

async function run(onEnd: OnEnd): Promise<boolean> {
  const world = await IsolationRun.start(onEnd);
  world.answer(false);
  await world.burst();
  await world.burst();
  const alone = await world.measure();
  print('all answer', alone);
  world.answer(true);
  const first = await world.measure();
  print(`${hanging} of ${total} hang, from the first time out on`, first);
  const later = await world.measure();
  print(`${hanging} of ${total} hang, later`, later);
  return [first, later].every(
    ({ throughput, p99 }) =>
      throughput >= limits.throughput * alone.throughput && p99 <= limits.p99 * Math.max(1, alone.p99),
  );
}

function print(what: string, { throughput, cpuMicroseconds, p99 }: Measurement): void {
  const rate = `${Math.round(throughput)} deliveries/s at ${Math.round(cpuMicroseconds)} µs of CPU each`;
  console.log(`${what}: ${rate}; p99 ${p99} ms at ${steadyRate} events/s`);
}

const ends: Parameters<OnEnd>[0][] = [];
const passed = await run((end) => ends.push(end)).catch((error: unknown) => {
  console.log(error);
  return false;
});
for (const end of ends.toReversed()) await end({ task: { result: { state: 'pass' } } });
console.log(passed ? 'The healthy ones keep what they had' : 'FAILED');
process.exit(passed ? 0 : 1);
