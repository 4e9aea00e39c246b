import { setTimeout as delay } from 'node:timers/promises';
import { defaultStreamNames } from '../../src/jetstream/subjects.ts';
import type { WebhookSpec } from '../failure/stand.ts';
import { leaderOf } from '../failure/stream-contents.ts';
import type { SeededRandom } from '../simulation/seeded-random.ts';
import type { ChaosWorld } from './chaos-world.ts';
import { moods, type Mood } from './receiver-moods.ts';
import type { Replica } from './replica.ts';

/** Something that goes wrong, and is put right again. */
export interface PlannedFault {
  readonly what: string;
  /** Two faults that name the same thing don't happen at the same time. */
  readonly on: readonly string[];
  readonly happen: () => Promise<void>;
}

type Plan = (world: ChaosWorld, random: SeededRandom) => PlannedFault;

const seconds = (random: SeededRandom, from: number, to: number): number =>
  Math.round(random.between(from, to) * 10) / 10;
const nameOf = ({ namespace, name }: WebhookSpec): string => `${namespace}/${name}`;
const anyWebhook = (world: ChaosWorld, random: SeededRandom): WebhookSpec =>
  random.pick([...world.webhooks, ...world.guests]);

const killOperator: Plan = (world, random) => {
  const replica = random.pick(world.replicas);
  const away = seconds(random, 0, 25);
  return {
    what: `SIGKILL of ${replica.name}, started again after ${away} s`,
    on: [replica.name],
    happen: async () => {
      await replica.kill();
      await delay(away * 1000);
      await replica.start();
    },
  };
};

const stopOperator: Plan = (world, random) => {
  const replica = random.pick(world.replicas);
  const away = seconds(random, 0, 10);
  return {
    what: `SIGTERM to ${replica.name}, started again ${away} s after its end`,
    on: [replica.name],
    happen: async () => {
      await replica.stop();
      await delay(away * 1000);
      await replica.start();
    },
  };
};

const pauseOperator: Plan = (world, random) => {
  const replica = random.pick(world.replicas);
  const away = seconds(random, 0.5, 20);
  return {
    what: `SIGSTOP of ${replica.name} for ${away} s`,
    on: [replica.name],
    happen: async () => {
      const slots = slotsOf(world, replica);
      const from = Date.now();
      replica.process.pause();
      const name = `SIGSTOP of ${replica.name}`;
      // What is answered meanwhile may count as a timeout when it goes on.
      world.recorder.record(name, slots, { from, momentsMs: [300, Math.max(300, away * 1000 - 100)] });
      await delay(away * 1000);
      replica.process.resume();
    },
  };
};

function slotsOf(world: ChaosWorld, replica: Replica): readonly number[] {
  const member = replica.member();
  return member === undefined ? [] : world.recorder.ownedBy(member);
}

const cutOperator: Plan = (world, random) => {
  const replica = random.pick(world.replicas);
  const away = seconds(random, 3, 60);
  const how = random.pick(['refuse', 'swallow'] as const);
  return {
    what: `${replica.name} can't reach the API server for ${away} s (${how})`,
    on: [`way of ${replica.name}`],
    happen: async () => {
      replica.access.proxy.cut(how);
      await delay(away * 1000);
      replica.access.proxy.mend();
    },
  };
};

const addReplica: Plan = (world, random) => {
  const stays = seconds(random, 10, 50);
  const isKilled = random.chance(0.4);
  return {
    what: `a replica joins for ${stays} s and is ${isKilled ? 'killed' : 'stopped'}`,
    on: [world.guest.name],
    happen: async () => {
      await world.guest.start();
      await delay(stays * 1000);
      await (isKilled ? world.guest.kill() : world.guest.stop());
    },
  };
};

const killNats: Plan = (world, random) => {
  const away = seconds(random, 0, 8);
  const { events, retries, backlog } = defaultStreamNames;
  const stream = random.pick([events, retries, backlog]);
  const isCluster = world.stand.natsServers.length > 1;
  const isGraceful = random.chance(0.25);
  return {
    what: `${isGraceful ? 'SIGTERM' : 'SIGKILL'} of ${isCluster ? `the leader of ${stream}` : 'NATS'} for ${away} s`,
    on: ['NATS'],
    happen: async () => {
      const { stand, recorder } = world;
      const leader = isCluster ? await leaderOf(stand.broker, stream) : undefined;
      const server = stand.natsServers.find(({ name }) => name === leader) ?? stand.nats;
      const from = Date.now();
      await (isGraceful ? server.stop() : server.kill());
      await delay(away * 1000);
      await server.start();
      // A publish whose confirmation was lost may have been stored.
      recorder.record('NATS killed', 'All', { from });
      await recorder.catchUp();
    },
  };
};

const stopApiServer: Plan = (world, random) => {
  const away = seconds(random, 2, 60);
  const isPaused = random.chance(0.5);
  return {
    what: `the API server is ${isPaused ? 'paused' : 'killed'} for ${away} s`,
    on: ['API server'],
    happen: async () => {
      const { apiServer } = world.stand.plane;
      if (isPaused) apiServer.pause();
      else await apiServer.kill();
      await delay(away * 1000);
      if (isPaused) apiServer.resume();
      else await apiServer.start();
    },
  };
};

const suspend: Plan = (world, random) => {
  const webhook = anyWebhook(world, random);
  const away = seconds(random, 0, 30);
  return {
    what: `${nameOf(webhook)} is suspended for ${away} s`,
    on: [nameOf(webhook)],
    happen: async () => {
      await world.edit('suspend', () => world.stand.patch(webhook, { suspend: true }));
      await delay(away * 1000);
      await world.edit('resume', () => world.stand.patch(webhook, { suspend: false }));
    },
  };
};

const editURL: Plan = (world, random) => {
  const webhook = anyWebhook(world, random);
  const endpoint = `hook-${random.integer(1, 9)}`;
  return {
    what: `${nameOf(webhook)} moves to ${endpoint}`,
    on: [nameOf(webhook)],
    happen: () =>
      world.edit('edit the URL', () => world.stand.patch(webhook, { url: world.stand.urlOf(webhook, endpoint) })),
  };
};

const editEvents: Plan = (world, random) => {
  const webhook = anyWebhook(world, random);
  const isWanted = random.chance(0.6);
  return {
    what: `${nameOf(webhook)} asks for ${isWanted ? 'more' : 'fewer'} types of events`,
    on: [nameOf(webhook)],
    happen: () => world.setOptionalEvents(webhook, isWanted),
  };
};

let created = 0;
const create: Plan = (world, random) => {
  created += 1;
  const webhook = { namespace: random.pick(world.namespaces), name: `guest-${created}` };
  return {
    what: `${nameOf(webhook)} is created`,
    on: [nameOf(webhook)],
    happen: async () => {
      await world.edit('create', () => world.stand.createWebhooks([webhook]));
      world.guests.add(webhook);
    },
  };
};

const remove: Plan = (world, random) => {
  if (world.guests.size === 0) return create(world, random);
  const webhook = random.pick([...world.guests]);
  return {
    what: `${nameOf(webhook)} is deleted`,
    on: [nameOf(webhook)],
    happen: async () => {
      world.guests.delete(webhook);
      await world.edit('delete', () => world.stand.deleteWebhook(webhook));
    },
  };
};

const deleteConsumer: Plan = (world, random) => {
  const pick = random.next();
  const stream = random.chance(0.6) ? defaultStreamNames.events : defaultStreamNames.retries;
  return {
    what: `a consumer of ${stream} is deleted by hand`,
    on: ['NATS'],
    happen: async () => {
      const { broker } = world.stand;
      const durables = await broker.listConsumers(stream);
      const durable = durables[Math.floor(pick * durables.length)];
      if (durable !== undefined) await broker.deleteConsumer(stream, durable);
      // The floor that it is made anew from may be 5 s old: nobody else shall need it now.
      await delay(8000);
    },
  };
};

const moodiness: Plan = (world, random) => {
  const webhook = anyWebhook(world, random);
  const mood = random.pick(Object.keys(moods) as Mood[]);
  const lasts = seconds(random, 1, 40);
  return {
    what: `${nameOf(webhook)} has a receiver that ${mood === 'gone' ? 'is gone' : mood} for ${lasts} s`,
    on: [nameOf(webhook)],
    happen: async () => {
      world.receivers.set(nameOf(webhook), mood);
      await delay(lasts * 1000);
      world.receivers.set(nameOf(webhook), undefined);
      if (mood === 'gone') await world.reactivate(webhook);
    },
  };
};

const burst: Plan = (world, random) => {
  const count = random.integer(50, 600);
  return { what: `a burst of ${count} events`, on: ['burst'], happen: () => world.producer.burst(count) };
};

/** With how often each comes, relative to the others. */
const plans: readonly (readonly [number, Plan])[] = [
  [3, killOperator],
  [2, stopOperator],
  [3, pauseOperator],
  [2, cutOperator],
  [2, addReplica],
  [2, killNats],
  [1, stopApiServer],
  [2, suspend],
  [2, editURL],
  [2, editEvents],
  [2, create],
  [2, remove],
  [1, deleteConsumer],
  [8, moodiness],
  [2, burst],
];

export function planFault(world: ChaosWorld, random: SeededRandom): PlannedFault {
  let left = random.between(
    0,
    plans.reduce((sum, [weight]) => sum + weight, 0),
  );
  for (const [weight, plan] of plans) {
    left -= weight;
    if (left < 0) return plan(world, random);
  }
  return burst(world, random);
}
