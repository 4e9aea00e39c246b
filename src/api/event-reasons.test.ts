import { describe, expect, it } from 'vitest';
import { eventReasons } from './event-reasons.ts';

describe('the reasons of Events', () => {
  it.each(Object.entries(eventReasons))(
    '%s is what Kubernetes takes, with a meaning of one sentence',
    (reason, entry) => {
      expect(reason).toMatch(/^[A-Z][A-Za-z]{1,127}$/);
      expect(entry.meaning).toMatch(/^[^\n]+\.$/);
    },
  );
});
