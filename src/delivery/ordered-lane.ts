import type { Timer } from '../clock.ts';
import { BrokerError } from '../jetstream/broker.ts';
import { orderedConsumerName } from '../jetstream/slot-consumers.ts';
import type { LogEntry } from '../jetstream/subject-log.ts';
import type { RequestResult } from './attempt.ts';
import type { Verdict } from './classify.ts';
import type { DeliveryEvent } from './delivery-event.ts';
import { contentOf, recordOf, type EventContent } from './delivery.ts';
import { OrderedIntake, type OrderedIntakeDeps } from './ordered-intake.ts';
import { filterAccepts } from './event-filter.ts';
import { matchesAnyPattern } from './pattern.ts';
import type { BudgetMember } from './request-budget.ts';
import { ClaimLostError } from './slot-claim.ts';
import { LanePace } from './lane-pace.ts';
import { WebhookLane, type FoundCounts, type LaneOptions } from './webhook-lane.ts';
import type { OrderedPosition } from './webhook-state.ts';

const readLimit = 32;
const retryDelayMs = 1000;

export interface OrderedLaneDeps extends OrderedIntakeDeps {
  /** Resolves when no attempt of a former owner can be under way any more. */
  readonly from: Promise<void>;
}

/**
 * A webhook whose events are delivered strictly one after the other. A durable consumer of its own, one event at a time,
 * appends them to the backlog; attempts are made for the backlog's head only, and the head never moves: its next time is in
 * STATE. What is settled is noted there before it is cut, so that whatever is repeated after a crash is dropped unseen.
 */
export class OrderedLane extends WebhookLane implements BudgetMember {
  readonly #deps: OrderedLaneDeps;
  readonly #intake: OrderedIntake;
  readonly #pace: LanePace;
  #entries: LogEntry[] = [];
  #cursor = 1;
  /** Appends and cuts. */
  #changes = 0;
  /** False until a look showed an empty backlog; true again with each append. */
  #mayHaveEntries = true;
  #working: Promise<void> | undefined;
  #again = false;
  #started = false;
  #draining = false;
  #timer: Timer | undefined;

  constructor(options: LaneOptions, deps: OrderedLaneDeps) {
    super(options);
    this.#deps = deps;
    this.#intake = new OrderedIntake(this, deps);
    const { clock } = this.services;
    this.#pace = new LanePace(options.config.delivery, () => clock.monotonic());
    this.background('ordered start', this.#start());
  }

  async #start(): Promise<void> {
    await this.#deps.from;
    this.#started = true;
    this.activityChanged();
  }

  get unsettled(): number {
    return this.#working === undefined ? 0 : 1;
  }

  awaitOwed(): void {
    // The consumer is made after the point is known, and begins there.
  }

  recount(found: FoundCounts, countedFrom: number): void {
    if (countedFrom === this.#changes && this.#working === undefined && found.backlog < this.backlogCount) {
      // Nobody took them out, so they left by age.
      this.countLost('BacklogExpired', this.backlogCount - found.backlog);
      this.#entries = [];
    }
    this.deadLettered = found.deadLettered;
    this.backlogCount = found.backlog;
    this.#mayHaveEntries = true;
    this.pump();
  }

  appendMark(): number {
    return this.#changes;
  }

  sweep(): void {
    // The head is never parked.
  }

  protected startedAfresh(): void {
    this.#pace.clearPause();
  }

  protected activityChanged(): void {
    this.#pace.setLimits(this.config.delivery);
    this.#intake.update();
    this.pump();
  }

  /** An event was stored in the backlog. */
  appended(): void {
    this.backlogFull = false;
    this.backlogCount++;
    this.#changes++;
    this.#mayHaveEntries = true;
    this.pump();
  }

  /** Whether the intake's consumer should be working. */
  get mayConsume(): boolean {
    return this.state.owed !== undefined && this.#started && !this.stopped && !this.removed && !this.#draining;
  }

  pump(): void {
    if (!this.#started || this.#draining || !this.mayWork()) return;
    if (this.#working !== undefined) {
      this.#again = true;
      return;
    }
    this.#again = false;
    this.#working = this.#work()
      .catch((error: unknown) => {
        if (error instanceof ClaimLostError || this.stopped) return;
        this.services.logger.error('Could not work an ordered webhook; trying again', { uid: this.uid, error });
        this.#pumpAfter(retryDelayMs);
      })
      .finally(() => {
        this.#working = undefined;
        if (this.#again) this.pump();
      });
  }

  budgetAvailable(): void {
    this.pump();
  }

  #pumpAfter(delayMs: number): void {
    this.services.clock.clearTimer(this.#timer);
    this.#timer = this.services.clock.setTimer(() => this.pump(), Math.max(0, delayMs));
  }

  async #work(): Promise<void> {
    while (this.mayWork() && !this.#draining) {
      const entry = await this.#head();
      if (entry === undefined) return;
      if (!this.#isWanted(entry)) {
        // It may have been the head and have had attempts: the next one begins with its first.
        await this.#settle(entry, this.#isUnsettled(entry));
        continue;
      }
      if (this.#mustWait()) return;
      if (!(await this.#attemptHead(entry))) return;
    }
  }

  async #head(): Promise<LogEntry | undefined> {
    if (this.#entries.length === 0 && this.#mayHaveEntries) {
      const { backlog, slot } = this.services;
      const appended = this.backlogCount;
      this.#entries = await backlog.read(slot, this.uid, this.#cursor, readLimit);
      if (this.#entries.length === 0 && (await backlog.isEmpty(slot, this.uid)) && appended === this.backlogCount) {
        this.#mayHaveEntries = false;
        this.backlogCount = 0;
      } else if (this.#entries.length === 0) {
        this.#pumpAfter(retryDelayMs);
      }
    }
    return this.#entries[0];
  }

  #position(stream: string): OrderedPosition {
    const { ordered } = this.state;
    return ordered !== undefined && ordered.stream === stream ? ordered : { stream, settledThrough: 0, attempt: 1 };
  }

  #isUnsettled({ record }: LogEntry): boolean {
    return record !== undefined && record.eventSequence > this.#position(streamOf(record.key)).settledThrough;
  }

  #isWanted(entry: LogEntry): boolean {
    const { record } = entry;
    return (
      record !== undefined &&
      this.#isUnsettled(entry) &&
      this.owes({ sequence: record.eventSequence, key: record.key }) &&
      matchesAnyPattern(this.config.patterns, record.eventType) &&
      // Its filter could not be read when it came.
      (record.heldBy !== 'Unfiltered' || filterAccepts(this.config, this, contentOf(record, this.config.source)))
    );
  }

  #mustWait(): boolean {
    const { clock } = this.services;
    const due = this.state.ordered?.dueAt ?? 0;
    const waitMs = Math.max(due - clock.now(), this.#pace.waitMs());
    if (waitMs <= 0) return false;
    this.#pumpAfter(waitMs);
    return true;
  }

  /** @returns whether the head was settled: the next one may follow. */
  async #attemptHead(entry: LogEntry): Promise<boolean> {
    const { record } = entry;
    if (record === undefined) return true;
    const position = this.#position(streamOf(record.key));
    const { writes, loadContent, budget, clock } = this.services;
    const content = contentOf(record, this.config.source);
    const loaded = content.data === undefined ? await writes.run('load', () => loadContent(content)) : content;
    if (loaded?.data === undefined) {
      this.countLost('Expired', 1);
      await this.#settle(entry, true);
      return true;
    }
    if (!this.mayWork() || !budget.tryTake(this)) return false;
    this.#pace.begin();
    const { epoch } = this.state;
    const firstAttemptAt = position.firstAttemptAt ?? clock.now();
    const event: DeliveryEvent = { ...loaded, data: loaded.data };
    const { verdict, result } = await this.#send(event, position.attempt);
    if (this.stopped) return false;
    if (verdict.kind === 'Delivered' && result !== undefined) {
      this.succeeded(epoch, event, result, position.attempt);
      await this.#settle(entry, true);
      return true;
    }
    if (verdict.kind !== 'Failed') return false;
    if (verdict.pausesLane && verdict.retryAfterMs !== undefined && epoch === this.state.epoch) {
      this.#pace.pauseFor(verdict.retryAfterMs);
    }
    const judged = this.judgeFailure(verdict, epoch, content, position.attempt, result?.durationMs ?? 0);
    const { next } = judged;
    // The webhook was reactivated, or has another URL, since the attempt began: the head starts afresh.
    if (epoch !== this.state.epoch && next.kind === 'At') return true;
    if (next.kind === 'At') {
      this.countFailure(judged, 'retry');
      this.#moveTo({ ...position, attempt: next.attempt, firstAttemptAt, dueAt: next.dueAt });
      await this.persist();
      this.#pumpAfter(next.dueAt - clock.now());
      return false;
    }
    if (next.kind === 'Disabled') {
      this.countFailure(judged, 'held');
      await this.persist();
      return false;
    }
    this.countFailure(judged, 'dead_letter');
    await this.#deadLetter(loaded, position.attempt, firstAttemptAt, verdict);
    await this.#settle(entry, true);
    return true;
  }

  #send(event: DeliveryEvent, attempt: number): Promise<{ verdict: Verdict; result: RequestResult | undefined }> {
    this.inFlight = 1;
    return new Promise((resolve) => {
      this.attempt(event, attempt, (verdict, result) => {
        this.inFlight = 0;
        this.services.budget.release(this);
        resolve({ verdict, result });
      });
    });
  }

  async #deadLetter(
    content: EventContent,
    attempt: number,
    firstAttemptAt: number,
    verdict: Verdict & { readonly kind: 'Failed' },
  ): Promise<void> {
    const { deadLetters, writes, slot, newID, listener } = this.services;
    const { reason, message, statusCode } = verdict;
    const last = { reason, message, ...(statusCode === undefined ? {} : { statusCode }) };
    const record = recordOf(content, { attempt, firstAttemptAt, last });
    const messageID = newID();
    await writes.run('dead letter', () => deadLetters.append(slot, this.uid, record, messageID));
    this.deadLettered++;
    listener.deadLettered(this.uid, content, last);
  }

  #moveTo(position: OrderedPosition): void {
    this.keeper.set({ ...this.state, ordered: position });
  }

  /** First "settled through n" into STATE, then the cut. `advance` is false for an entry that was settled before. */
  async #settle(entry: LogEntry, advance: boolean): Promise<void> {
    const { record } = entry;
    if (advance && record !== undefined) {
      this.#moveTo({ stream: streamOf(record.key), settledThrough: record.eventSequence, attempt: 1 });
      await this.persist();
    }
    const { backlog, writes, slot } = this.services;
    await writes.run('backlog cut', () => backlog.cut(slot, this.uid, entry.sequence));
    this.#cursor = entry.sequence + 1;
    this.#entries.shift();
    this.backlogCount--;
    this.#changes++;
    this.services.listener.changed(this.uid);
  }

  override stop(): void {
    super.stop();
    this.services.clock.clearTimer(this.#timer);
    this.services.budget.forget(this);
    void this.#intake.stop();
  }

  async drain(): Promise<void> {
    this.#draining = true;
    await this.#intake.stop();
    await this.#working;
  }

  async remove(): Promise<void> {
    this.removed = true;
    this.stopped = true;
    this.services.clock.clearTimer(this.#timer);
    this.services.budget.forget(this);
    await this.#intake.stop();
    const { backlog, deadLetters, writes, slot } = this.services;
    const { broker, names } = this.#deps;
    await writes.run('purge', async () => {
      await broker.deleteConsumer(names.events, orderedConsumerName(this.uid)).catch((error: unknown) => {
        if (!(error instanceof BrokerError) || error.kind !== 'ConsumerNotFound') throw error;
      });
      await backlog.purgeWebhook(slot, this.uid);
      await deadLetters.purgeWebhook(slot, this.uid);
      await this.keeper.delete();
    });
  }
}

function streamOf(key: string): string {
  return key.slice(0, key.indexOf('-'));
}
