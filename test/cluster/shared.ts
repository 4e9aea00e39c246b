import { inject } from 'vitest';
import { accessControlPlane, type ControlPlaneAccess, type ControlPlaneInfo } from './access.ts';

declare module 'vitest' {
  // An interface is the only thing that merges with vitest's own declaration.
  interface ProvidedContext {
    readonly controlPlane: ControlPlaneInfo;
    readonly natsUrl: string;
  }
}

/**
 * The control plane that all integration tests of a run share. Use namespaces of your own in it. A test that stops, kills or
 * pauses something starts its own with `startControlPlane`.
 */
export function sharedControlPlane(): ControlPlaneAccess {
  return accessControlPlane(inject('controlPlane'));
}

/** URL of the nats-server that all integration tests of a run share. Use stream and subject names of your own in it. */
export function sharedNatsUrl(): string {
  return inject('natsUrl');
}
