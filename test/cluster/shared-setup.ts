import type { TestProject } from 'vitest/node';
import { startControlPlane, type ControlPlane } from './control-plane.ts';
import { startNats, type NatsServer } from './nats.ts';

let controlPlane: ControlPlane | undefined;
let nats: NatsServer | undefined;

/** vitest calls this once before the first integration test; `shared.ts` hands out what it starts. */
export async function setup(project: TestProject): Promise<void> {
  // About 3 s; both at once would only compete when they have to be built first.
  nats = await startNats({ name: 'shared-nats' });
  controlPlane = await startControlPlane();
  project.provide('controlPlane', controlPlane.info);
  project.provide('natsUrl', nats.url);
}

/** vitest calls this after the last integration test. */
export async function teardown(): Promise<void> {
  await controlPlane?.stop();
  await nats?.stop();
}
