import type { Broker } from './broker.ts';
import { SubjectLog } from './subject-log.ts';
import { backlogSlotFilter, backlogSubject, type StreamNames } from './subjects.ts';

/**
 * Deliveries held for a disabled, suspended, slow or overloaded webhook. An append throws `BrokerError` `SubjectFull` when
 * this webhook may hold no more (the delivery is lost) and `StreamFull` when the whole stream may not (try again later).
 */
export class BacklogStore extends SubjectLog {
  constructor(broker: Broker, names: StreamNames) {
    super(broker, { stream: names.backlog, subject: backlogSubject, slotFilter: backlogSlotFilter });
  }
}
