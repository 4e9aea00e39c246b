import { sleep, type Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { StoredWebhooks } from './stored-webhooks.ts';
import { deadWebhooks, needsProofOfKind } from './sweep-decision.ts';

/** Between the two LISTs. */
const betweenListsMs = 600_000;

export interface SweeperOptions {
  readonly stored: Pick<StoredWebhooks, 'enumerate' | 'remove'>;
  /** Uids of all Webhooks by a consistent LIST that began after the call. */
  readonly liveUids: () => Promise<ReadonlySet<string>>;
  /** Whether a LIST of the CRDs shows that our kind is there and served. */
  readonly kindIsServed: () => Promise<boolean>;
  readonly watchNamespaces: readonly string[] | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** From the end of a sweep to the next one. Defaults to an hour. */
  readonly intervalMs?: number;
  /** Before the first one: who has just taken over has more urgent things to do. Defaults to a minute. */
  readonly firstDelayMs?: number;
}

/**
 * Removes what the streams still hold of Webhooks that were deleted while nobody saw it. Done by the owner of slot 0, and
 * never in a hurry: a Webhook that is taken for dead by mistake loses everything.
 */
export class Sweeper {
  readonly #options: SweeperOptions;

  constructor(options: SweeperOptions) {
    this.#options = options;
  }

  /** Sweeps again and again until `signal` is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger, intervalMs = 3_600_000, firstDelayMs = 60_000 } = this.#options;
    await unlessAborted(() => sleep(clock, firstDelayMs), signal);
    while (!signal.aborted) {
      try {
        await this.sweep(signal);
      } catch (error) {
        // The connection may be gone because we stop.
        if (!signal.aborted)
          logger.error('Sweep failed; the next one begins anew', { reason: messageOf(error), error });
      }
      await unlessAborted(() => sleep(clock, intervalMs), signal);
    }
  }

  /** One sweep, which takes over ten minutes. Ends without doing anything once `signal` is aborted. */
  async sweep(signal: AbortSignal): Promise<void> {
    const { stored, liveUids, kindIsServed, watchNamespaces, clock, logger } = this.#options;
    // Before the first LIST: what is stored later may belong to a Webhook that is made later.
    const found = await stored.enumerate();
    if (found.size === 0) return;
    const firstList = await unlessAborted(liveUids, signal);
    await unlessAborted(() => sleep(clock, betweenListsMs), signal);
    const secondList = await unlessAborted(liveUids, signal);
    if (firstList === undefined || secondList === undefined || signal.aborted) return;

    const question = { found, firstList, secondList, watchNamespaces };
    const served = needsProofOfKind(question) ? await kindIsServed() : true;
    if (!served) logger.error('Nothing was swept: no Webhook is listed, and their CRD is not served');
    for (const [uid, webhook] of deadWebhooks({ ...question, kindIsServed: served })) {
      if (signal.aborted) return;
      await stored.remove(uid, webhook);
      logger.info('Removed what was stored of a deleted Webhook', { uid, namespace: webhook.namespace });
    }
  }
}

/** Begins nothing, and resolves to undefined, as soon as `signal` is aborted. */
async function unlessAborted<T>(begin: () => Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  if (signal.aborted) return undefined;
  const aborted = Promise.withResolvers<undefined>();
  const onAbort = (): void => aborted.resolve(undefined);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([begin(), aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
