import { hash } from 'node:crypto';
import type { Clock, Timer } from '../clock.ts';
import { messageOf } from '../errors.ts';
import { silentLogger, type Logger } from '../logger.ts';
import { hasStatus } from './api-error.ts';
import type { KubeClient } from './client.ts';
import { apiVersionOf, LEASES } from './kube-object.ts';
import { MembershipView, type Lease } from './membership-view.ts';
import { microTime } from './micro-time.ts';

export interface MembershipOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly namespace: string;
  /** Who belongs together: the release's name. Starts the leases' names and is the value of their label. */
  readonly prefix: string;
  /** Unique for each process, such as host name and a random part. */
  readonly identity: string;
  readonly logger?: Logger;
  /** How long a member that stopped renewing counts as alive. Defaults to 15 000 ms. */
  readonly leaseDurationMs?: number;
  /** Defaults to 5 000 ms. */
  readonly renewIntervalMs?: number;
  /** After this long without a renewal {@link Membership.hasLease} is false. Defaults to 10 000 ms. */
  readonly renewDeadlineMs?: number;
  /** Pause after a failed call. Defaults to 2 000 ms. */
  readonly retryIntervalMs?: number;
  /** Leases of members dead for this long are deleted. Defaults to 600 000 ms. */
  readonly collectAfterMs?: number;
}

/** Members sorted by identity. */
export type MembersHandler = (members: readonly string[]) => void;

/** The label by which members find each other's leases; its value is the prefix. */
const MEMBER_LABEL = 'webhook-operator.dev/member-of';

/**
 * Holds this replica's membership Lease and knows those of the others. While the API server is away the last known set
 * stays: nobody is declared dead by somebody who can't see.
 */
export class Membership {
  readonly identity: string;
  readonly leaseName: string;
  readonly #client: KubeClient;
  readonly #clock: Clock;
  readonly #namespace: string;
  readonly #prefix: string;
  readonly #logger: Logger;
  readonly #times: {
    readonly leaseDurationMs: number;
    readonly renewIntervalMs: number;
    readonly renewDeadlineMs: number;
    readonly retryIntervalMs: number;
  };
  readonly #call: { readonly timeoutMs: number; readonly retries: 0 };
  readonly #view: MembershipView;
  readonly #handlers = new Set<MembersHandler>();
  readonly #joined = Promise.withResolvers<void>();
  #members: readonly string[] = [];
  #renewedAt: number | undefined;
  #timer: Timer | undefined;
  #tick: Promise<void> | undefined;
  #stopped = false;

  constructor(options: MembershipOptions) {
    this.identity = options.identity;
    this.leaseName = leaseNameOf(options.prefix, options.identity);
    this.#client = options.client;
    this.#clock = options.clock;
    this.#namespace = options.namespace;
    this.#prefix = options.prefix;
    this.#logger = options.logger ?? silentLogger;
    const renewDeadlineMs = options.renewDeadlineMs ?? 10_000;
    this.#times = {
      leaseDurationMs: options.leaseDurationMs ?? 15_000,
      renewIntervalMs: options.renewIntervalMs ?? 5_000,
      renewDeadlineMs,
      retryIntervalMs: options.retryIntervalMs ?? 2_000,
    };
    // Half of the deadline, so that a call that hangs leaves time for another.
    this.#call = { timeoutMs: Math.max(1000, renewDeadlineMs / 2), retries: 0 };
    this.#view = new MembershipView({
      leaseDurationMs: this.#times.leaseDurationMs,
      longestGapMs: renewDeadlineMs,
      collectAfterMs: options.collectAfterMs ?? 600_000,
    });
  }

  /** Begins to take the Lease and to look at the others. */
  start(): void {
    if (this.#tick === undefined) this.#run();
  }

  /** Resolves once the Lease was taken and the others were seen. */
  waitUntilJoined(): Promise<void> {
    return this.#joined.promise;
  }

  /** Who is alive as far as known, this replica included; empty before it has joined. */
  members(): readonly string[] {
    return this.#members;
  }

  /** Called with the whole set whenever it has changed. Returns a function that ends the subscription. */
  onChange(handler: MembersHandler): () => void {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  /** True while our own Lease was renewed within the deadline. */
  hasLease(): boolean {
    return this.#renewedAt !== undefined && this.#clock.monotonic() - this.#renewedAt < this.#times.renewDeadlineMs;
  }

  /** Gives the Lease back, so that the others need not wait for it to expire. Failures are logged only. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#clock.clearTimer(this.#timer);
    await this.#tick;
    if (this.#renewedAt === undefined) return;
    this.#renewedAt = undefined;
    const ref = { namespace: this.#namespace, name: this.leaseName };
    try {
      // Emptied first: who deletes may be refused, and an empty holder says the same.
      await this.#client.patch(
        LEASES,
        ref,
        { spec: { holderIdentity: '', leaseDurationSeconds: 1 } },
        MERGE,
        this.#call,
      );
      await this.#client.delete(LEASES, ref, this.#call);
    } catch (error) {
      if (!hasStatus(error, 404)) this.#logger.error('Membership lease was not released', { reason: messageOf(error) });
    }
  }

  #run(): void {
    const startedAt = this.#clock.monotonic();
    this.#tick = this.#once().then((succeeded) => {
      if (this.#stopped) return;
      const interval = succeeded ? this.#times.renewIntervalMs : this.#times.retryIntervalMs;
      const passed = this.#clock.monotonic() - startedAt;
      this.#timer = this.#clock.setTimer(() => this.#run(), Math.max(0, interval - passed));
    });
  }

  async #once(): Promise<boolean> {
    try {
      await this.#renew();
      await this.#look();
      return true;
    } catch (error) {
      this.#logger.info('Membership could not be renewed', { reason: messageOf(error) });
      return false;
    }
  }

  async #renew(): Promise<void> {
    // Counted from before the call: the others count from when the server stored it.
    const startedAt = this.#clock.monotonic();
    const renewTime = microTime(this.#clock.now());
    const ref = { namespace: this.#namespace, name: this.leaseName };
    const leaseDurationSeconds = Math.ceil(this.#times.leaseDurationMs / 1000);
    const held = { holderIdentity: this.identity, leaseDurationSeconds, renewTime };
    try {
      await this.#client.patch(LEASES, ref, { spec: held }, MERGE, this.#call);
    } catch (error) {
      if (!hasStatus(error, 404)) throw error;
      const lease: Lease = {
        apiVersion: apiVersionOf(LEASES),
        kind: LEASES.kind,
        metadata: { ...ref, labels: { [MEMBER_LABEL]: this.#prefix } },
        spec: { ...held, acquireTime: renewTime, leaseTransitions: 0 },
      };
      await this.#client.create(LEASES, lease, this.#call);
      this.#logger.info('Membership lease was taken', { lease: this.leaseName });
    }
    this.#renewedAt = startedAt;
  }

  async #look(): Promise<void> {
    const labelSelector = `${MEMBER_LABEL}=${this.#prefix}`;
    const { items } = await this.#client.list<Lease>(LEASES, {
      namespace: this.#namespace,
      labelSelector,
      ...this.#call,
    });
    const { members, collectable } = this.#view.observe(items, this.#clock.monotonic());
    if (this.#stopped) return;
    this.#setMembers([...new Set([...members, this.identity])].sort());
    this.#joined.resolve();
    for (const lease of collectable) await this.#collect(lease);
  }

  async #collect(lease: Lease): Promise<void> {
    const { name, uid, resourceVersion } = lease.metadata;
    // Only this very version: its holder may just have come back.
    const preconditions = { ...(uid && { uid }), ...(resourceVersion && { resourceVersion }) };
    try {
      await this.#client.delete(LEASES, { namespace: this.#namespace, name }, { ...this.#call, preconditions });
      this.#logger.info('Membership lease of a dead member was deleted', { lease: name });
    } catch (error) {
      this.#logger.debug('Membership lease of a dead member was not deleted', {
        lease: name,
        reason: messageOf(error),
      });
    }
  }

  #setMembers(members: readonly string[]): void {
    if (members.join('\n') === this.#members.join('\n')) return;
    this.#logger.info('Members changed', { before: this.#members, members });
    this.#members = members;
    for (const handler of this.#handlers) {
      try {
        handler(members);
      } catch (error) {
        this.#logger.error('Membership handler failed', { reason: messageOf(error), error });
      }
    }
  }
}

const MERGE = { type: 'merge' } as const;

/** The Lease's name: a valid DNS subdomain, unique also where the identity had to be changed for that. */
export function leaseNameOf(prefix: string, identity: string): string {
  const plain = `${prefix}-member-${identity}`;
  const valid = plain.toLowerCase().replaceAll(/[^a-z0-9.-]/g, '-');
  if (valid === plain && valid.length <= 253) return valid;
  return `${valid.slice(0, 240).replace(/[.-]+$/, '')}-${hash('sha256', plain).slice(0, 10)}`;
}
