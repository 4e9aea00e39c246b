import type { ReactivateBy, WebhookConfig } from '../../src/delivery/webhook-config.ts';
import { deliverySettings } from '../../src/delivery/settings.fixture.ts';
import { SeededRandom } from './seeded-random.ts';
import { noNetworkFaults, type NetworkFaults } from './simulated-broker.ts';
import type { ReceiverMode } from './simulated-receivers.ts';

/** What happens at a time of the run; everything that is not the system's own doing. */
export type Action =
  | { readonly kind: 'Publish'; readonly source: string; readonly type: string; readonly id: string }
  | { readonly kind: 'Receiver'; readonly uid: string; readonly mode: ReceiverMode }
  | { readonly kind: 'Suspend' | 'Resume' | 'Annotate' | 'MoveURL' | 'ChangePatterns' | 'Delete'; readonly uid: string }
  | { readonly kind: 'ShortenSchedule'; readonly uid: string }
  | { readonly kind: 'Create'; readonly uid: string }
  /** The owner of the slot hands it over by will. */
  | { readonly kind: 'HandOver'; readonly slot: number }
  /** Another member takes the slot although its owner is alive. */
  | { readonly kind: 'TakeOver'; readonly slot: number }
  | { readonly kind: 'Crash'; readonly slot: number; readonly restartMs: number }
  | { readonly kind: 'Stall'; readonly slot: number; readonly forMs: number; readonly noticeMs: number }
  /** The connection of the owner of the slot carries nothing for a while, and then all of it. */
  | { readonly kind: 'Stick'; readonly slot: number; readonly forMs: number; readonly noticeMs: number }
  | { readonly kind: 'Outage'; readonly forMs: number }
  | { readonly kind: 'DeleteConsumer'; readonly slot: number };

export interface TimedAction {
  readonly at: number;
  readonly action: Action;
}

export interface Scenario {
  readonly seed: number;
  readonly partitions: number;
  readonly members: number;
  readonly skewMs: readonly number[];
  readonly webhooks: readonly WebhookConfig[];
  readonly actions: readonly TimedAction[];
  readonly network: NetworkFaults;
  /** Processes notice timeouts late. */
  readonly overruns: boolean;
  /** Nothing but the receivers misbehaves: then nothing may be sent twice. */
  readonly faultFree: boolean;
  /** From here on nothing misbehaves any more. */
  readonly quietFrom: number;
  /** Whether a person brings every webhook back at the end. */
  readonly reactivate: boolean;
}

const sources = ['team-a', 'team-b'] as const;
const types = ['item.created', 'item.changed', 'order.paid'] as const;

export function targetOf(uid: string, version: number): NonNullable<WebhookConfig['target']> {
  const url = `https://${uid}.test/${version}`;
  return {
    url,
    urlHash: `sha256:${url}`,
    headers: [],
    signingKeys: [],
    signingScheme: 'None',
    payloadFormat: 'Raw',
    network: { allowedCIDRs: [] },
    secretValues: [],
  };
}

/** A small world from a seed. */
export function scenarioOf(seed: number): Scenario {
  const random = new SeededRandom(seed);
  const faultFree = random.chance(0.15);
  const wanted = (probability: number): boolean => random.chance(faultFree ? 0 : probability);
  const partitions = random.chance(0.8) ? 1 : 2;
  const members = random.integer(faultFree ? 1 : 2, 3);
  const quietFrom = random.between(15_000, 70_000);
  const webhooks = Array.from({ length: random.integer(1, 3) }, (_, index) => webhookOf(random, `w${index}`));
  const actions: TimedAction[] = [];
  const add = (action: Action, from = 3000, to = quietFrom): void => {
    actions.push({ at: random.between(from, to), action });
  };
  publish(random, add);
  for (const { uid } of webhooks) {
    add({ kind: 'Create', uid }, 0, random.chance(0.7) ? 100 : quietFrom / 3);
    for (let count = random.integer(0, 4); count > 0; count--) add({ kind: 'Receiver', uid, mode: modeOf(random) }, 0);
    if (random.chance(0.4)) change(random, uid, add);
  }
  for (let slot = 0; slot < partitions; slot++) {
    if (members > 1 && random.chance(0.4)) add({ kind: 'HandOver', slot });
    if (wanted(0.25)) add({ kind: 'TakeOver', slot });
    while (wanted(0.4)) add({ kind: 'Crash', slot, restartMs: random.between(500, 20_000) });
    if (wanted(0.35)) {
      add({ kind: 'Stall', slot, forMs: random.between(1000, 60_000), noticeMs: random.between(1000, 25_000) });
    }
    while (wanted(0.25)) {
      add({ kind: 'Stick', slot, forMs: random.between(1000, 20_000), noticeMs: random.between(1000, 25_000) });
    }
    if (wanted(0.05)) add({ kind: 'DeleteConsumer', slot });
  }
  while (wanted(0.25)) add({ kind: 'Outage', forMs: random.between(100, 15_000) });
  const network: NetworkFaults = {
    lostRequest: wanted(0.25) ? random.pick([0.002, 0.02, 0.1]) : 0,
    lostConfirmation: wanted(0.35) ? random.pick([0.002, 0.02, 0.1]) : 0,
    lostAck: wanted(0.3) ? random.pick([0.02, 0.2]) : 0,
    laggingRead: wanted(0.2) ? 0.3 : 0,
  };
  const overruns = wanted(0.25);
  actions.sort((a, b) => a.at - b.at);
  return {
    seed,
    partitions,
    members,
    skewMs: Array.from({ length: members }, () => (random.chance(0.2) ? random.between(-3000, 3000) : 0)),
    webhooks,
    actions,
    overruns,
    network: faultFree ? noNetworkFaults : network,
    faultFree,
    quietFrom,
    reactivate: random.chance(0.75),
  };
}

function publish(random: SeededRandom, add: (action: Action, from?: number) => void): void {
  const count = random.integer(3, random.chance(0.2) ? 120 : 30);
  for (let index = 0; index < count; index++) {
    const source = random.chance(0.85) ? sources[0] : sources[1];
    add({ kind: 'Publish', source, type: random.pick(types), id: `e${index}` }, 0);
  }
}

function change(random: SeededRandom, uid: string, add: (action: Action) => void): void {
  const kinds = ['Suspend', 'Resume', 'Annotate', 'MoveURL', 'ChangePatterns', 'ShortenSchedule'] as const;
  for (let count = random.integer(1, 4); count > 0; count--) add({ kind: random.pick(kinds), uid });
  if (random.chance(0.4)) for (let count = 5; count > 0; count--) add({ kind: 'Annotate', uid });
  if (random.chance(0.12)) add({ kind: 'Delete', uid });
}

function modeOf(random: SeededRandom): ReceiverMode {
  switch (random.integer(0, 9)) {
    case 0:
      return { kind: 'Hang' };
    case 1:
      return { kind: 'Late' };
    case 2:
      return { kind: 'Refuse' };
    case 3:
      return { kind: 'Slow', delayMs: random.pick([200, 1500, 2500]) };
    case 4:
      return { kind: 'Status', status: 503, retryAfter: String(random.integer(1, 8)) };
    case 5:
      return random.chance(0.5) ? { kind: 'Status', status: 410 } : { kind: 'Status', status: 422 };
    case 6:
      return { kind: 'Status', status: 500 };
    case 7:
      return { kind: 'Healthy' };
    default:
      return { kind: 'Flapping', share: random.pick([0.3, 0.6, 0.9]) };
  }
}

function webhookOf(random: SeededRandom, uid: string): WebhookConfig {
  const reactivateBy: ReactivateBy[] = ['Toggle', 'Annotation', 'URLChange'];
  const ordered = random.chance(0.2);
  return {
    uid,
    namespace: 'team-a',
    name: uid,
    generation: 1,
    source: random.chance(0.85) ? sources[0] : sources[1],
    patterns: random.chance(0.6) ? ['item.>', 'order.>'] : ['item.>'],
    delivery: deliverySettings({
      timeouts: { connectMs: 500, totalMs: random.pick([1000, 3000, 6000, 20_000]) },
      retry: {
        scheduleMs: random.pick([[], [500], [300, 2000, 8000], [1000, 1000, 1000, 1000], [200, 6000, 12_000]]),
        jitterPercent: random.pick([0, 10]),
        retryAfterMaxMs: 10_000,
      },
      responses: [
        { statusCodes: ['410'], action: 'Disable' },
        { statusCodes: ['422'], action: 'Reject' },
      ],
      disable: {
        failingAfter: 2,
        warnAfter: 4,
        afterConsecutiveFailures: random.pick([0, 3, 6, 20]),
        minFailingDurationMs: random.pick([0, 0, 5000]),
        afterExhaustedEvents: random.pick([0, 0, 0, 1, 2]),
        reactivateBy,
      },
      concurrency: random.pick([1, 2, 16]),
      rateLimit: random.chance(0.2) ? { requests: 2, perMs: 1000 } : { requests: 0, perMs: 1000 },
      ordered,
    }),
    exempt: random.chance(0.05),
    suspend: false,
    verification: 'None',
    target: targetOf(uid, 1),
  };
}
