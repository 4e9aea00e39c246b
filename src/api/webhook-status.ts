import { z } from 'zod';
import { conditionsSchema } from './conditions.ts';
import { timeSchema } from './time.ts';

const eventID = z.string().max(128);
const reason = z.string().max(1024);
const message = z.string().max(32_768);
const statusCode = z.int().min(100).max(999);
const counter = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

const lastSuccessSchema = z.object({
  time: timeSchema.describe('time is when the response came.'),
  eventID: eventID.describe('eventID is the webhook-id that was sent.'),
  statusCode: statusCode.describe('statusCode is the HTTP status of the response.'),
  durationMilliseconds: counter.describe('durationMilliseconds is how long the request took, in milliseconds.'),
});

const lastFailureSchema = z.object({
  time: timeSchema.describe('time is when the attempt ended.'),
  eventID: eventID.describe('eventID is the webhook-id that was sent.'),
  attempt: z.int().min(1).max(1000).describe('attempt is the number of the attempt, from 1.'),
  statusCode: statusCode.describe('statusCode is the HTTP status of the response; absent when none came.').optional(),
  reason: reason.describe('reason is why the attempt failed, in one word, like HTTPStatus or Timeout.'),
  message: message.describe('message is what the receiver or the network said.'),
});

const lastDisabledSchema = z.object({
  time: timeSchema.describe('time is when the webhook was disabled.'),
  failingSince: timeSchema
    .describe(
      'failingSince is the first failure of the streak that led to it: recover from here on. Absent when there was no streak.',
    )
    .optional(),
  reason: reason.describe('reason is the reason of the condition Disabled at that time.'),
  message: message.describe('message is the message of the condition Disabled at that time.'),
  eventID: eventID.describe('eventID is the webhook-id of the delivery that led to it.').optional(),
});

const pendingSchema = z.object({
  retrying: counter.describe('retrying is the number of deliveries that wait for their next attempt.'),
  backlog: counter.describe('backlog is the number of deliveries held while the webhook is inactive or slow.'),
  deadLettered: counter.describe(
    'deadLettered is the number of dead letters stored: deliveries that ran out of attempts.',
  ),
  lost: counter.describe('lost is the number of deliveries lost so far because a limit of a stream was reached.'),
});

export const webhookStatusSchema = z
  .object({
    observedGeneration: counter
      .describe('observedGeneration is the metadata.generation that this status is about.')
      .optional(),
    className: z
      .string()
      .max(253)
      .describe('className is the class in use. It is resolved once: a moved default does not move the webhook.')
      .optional(),
    source: z
      .string()
      .max(63)
      .describe('source is the source whose events are delivered. It is resolved once.')
      .optional(),
    conditions: conditionsSchema
      .describe(
        'conditions are the state of the webhook: Verified, Active, Disabled, Failing, BacklogFull, and Ready, Reconciling, Stalled for generic tools.',
      )
      .optional(),
    verifiedURLHash: z
      .string()
      .max(128)
      .describe('verifiedURLHash is "sha256:" and the hash, in hex, of the URL that has proved itself.')
      .optional(),
    consecutiveFailures: counter
      .describe('consecutiveFailures is the number of failed attempts in a row, over all events.')
      .optional(),
    failingSince: timeSchema
      .describe('failingSince is the first failure of the current streak; absent without one.')
      .optional(),
    lastStatusCode: statusCode
      .describe('lastStatusCode is the HTTP status of the attempt that ended last; absent when it got no response.')
      .optional(),
    lastSuccess: lastSuccessSchema.describe('lastSuccess is the delivery that succeeded last.').optional(),
    lastFailure: lastFailureSchema.describe('lastFailure is the attempt that failed last.').optional(),
    lastDisabled: lastDisabledSchema
      .describe('lastDisabled is the last disable. It stays after reactivation.')
      .optional(),
    pending: pendingSchema.describe('pending counts the deliveries that are not done, in events.').optional(),
    lastHandledReactivation: z
      .string()
      .max(4096)
      .describe(
        'lastHandledReactivation is the value of the annotation webhook-operator.dev/reactivate that was handled last.',
      )
      .optional(),
  })
  .describe('status is what the operator observed. It is a projection: the operator writes it, nothing reads it back.');

export type WebhookStatus = z.output<typeof webhookStatusSchema>;

/** `status.lastStatusCode` of the two attempts that `status` keeps: that of the later one, undefined when it got no response. */
export function lastStatusCode(status: Pick<WebhookStatus, 'lastSuccess' | 'lastFailure'>): number | undefined {
  const { lastSuccess, lastFailure } = status;
  if (lastFailure === undefined) return lastSuccess?.statusCode;
  if (lastSuccess === undefined) return lastFailure.statusCode;
  return Date.parse(lastSuccess.time) > Date.parse(lastFailure.time) ? lastSuccess.statusCode : lastFailure.statusCode;
}
