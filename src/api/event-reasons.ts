/**
 * Reasons of the Kubernetes Events that the operator records on a Webhook, with their type and what each means. The
 * documentation is checked against it. Reasons are part of the API: add, never rename.
 */
export const eventReasons = {
  Verified: { type: 'Normal', meaning: 'The URL has proved itself, or the class asks for no proof; deliveries begin.' },
  VerificationFailed: { type: 'Warning', meaning: 'A try to verify the URL failed; the note says how.' },
  DeliveryFailing: {
    type: 'Warning',
    meaning:
      'Attempts failed in a row: delivery.disable.failingAfter of them, and again at delivery.disable.warnAfter.',
  },
  Disabled: { type: 'Warning', meaning: 'The operator stopped the webhook; the note says why.' },
  Reactivated: { type: 'Normal', meaning: 'A person re-enabled the webhook.' },
  DeadLettered: { type: 'Warning', meaning: 'Deliveries ran out of attempts, or were rejected by the receiver.' },
  EventsLost: { type: 'Warning', meaning: 'Deliveries were lost because a limit of a stream was reached.' },
} as const satisfies Record<string, { readonly type: 'Normal' | 'Warning'; readonly meaning: string }>;

export type EventReason = keyof typeof eventReasons;
