import type { Broker } from './broker.ts';
import { SubjectLog } from './subject-log.ts';
import { deadLetterSlotFilter, deadLetterSubject, type StreamNames } from './subjects.ts';

/** Deliveries that ran out of attempts or were rejected, each with its last failure (`record.last`). */
export class DeadLetterStore extends SubjectLog {
  constructor(broker: Broker, names: StreamNames) {
    super(broker, { stream: names.deadLetters, subject: deadLetterSubject, slotFilter: deadLetterSlotFilter });
  }
}
