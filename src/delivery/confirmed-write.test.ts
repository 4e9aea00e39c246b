import { expect, test, vi } from 'vitest';
import { BrokerError } from '../jetstream/broker.ts';
import { ManualClock } from '../kubernetes/testing/manual-clock.ts';
import { ConfirmedWrites } from './confirmed-write.ts';
import { ClaimLostError, type SlotClaim } from './slot-claim.ts';

function setUp() {
  const clock = new ManualClock();
  const claim = { isHeld: vi.fn(() => true), held: vi.fn(async () => undefined) };
  const pressure = { refused: vi.fn(), accepted: vi.fn() };
  const logger = { error: vi.fn(), info: vi.fn(), debug: vi.fn(), child: vi.fn() };
  const writes = new ConfirmedWrites({ clock, claim: claim as unknown as SlotClaim, logger, pressure });
  return { clock, claim, pressure, logger, writes };
}

const away = new BrokerError('Unavailable', 'no answer');

test('repeats a write alone until it is confirmed', async () => {
  const { clock, writes, pressure } = setUp();
  const write = vi
    .fn(async () => 7)
    .mockRejectedValueOnce(away)
    .mockRejectedValueOnce(away);
  const result = writes.run('retry', write);
  await clock.advanceSteps(1000, 50);
  expect(await result).toBe(7);
  expect(write).toHaveBeenCalledTimes(3);
  expect(pressure.refused).not.toHaveBeenCalled();
});

test('a refusal of the whole stream is pressure until it is taken', async () => {
  const { clock, writes, pressure } = setUp();
  const full = new BrokerError('StreamFull', 'maximum bytes exceeded');
  const result = writes.run(
    'backlog',
    vi
      .fn(async () => 1)
      .mockRejectedValueOnce(full)
      .mockRejectedValueOnce(full),
  );
  await clock.advanceSteps(1000, 50);
  await result;
  expect(pressure.refused).toHaveBeenCalledTimes(1);
  expect(pressure.accepted).toHaveBeenCalledTimes(1);
});

test.each(['SubjectFull', 'WrongLastSequence'] as const)(
  '%s is thrown at once, and ends the pressure',
  async (kind) => {
    const { clock, writes, pressure } = setUp();
    const full = new BrokerError('StreamFull', 'maximum bytes exceeded');
    const result = writes.run(
      'backlog',
      vi.fn(async () => Promise.reject(new BrokerError(kind, 'refused'))).mockRejectedValueOnce(full),
    );
    const thrown = expect(result).rejects.toMatchObject({ kind });
    await clock.advanceSteps(1000, 50);
    await thrown;
    expect(pressure.accepted).toHaveBeenCalledTimes(1);
  },
);

test('what is no refusal by the broker is thrown at once', async () => {
  const { writes } = setUp();
  await expect(writes.run('retry', async () => Promise.reject(new TypeError('a bug')))).rejects.toThrow('a bug');
});

test('begins nothing without the claim', async () => {
  const { writes, claim } = setUp();
  claim.isHeld.mockReturnValue(false);
  claim.held.mockRejectedValue(new ClaimLostError('lost'));
  const write = vi.fn(async () => 1);
  await expect(writes.run('retry', write)).rejects.toThrow(ClaimLostError);
  expect(write).not.toHaveBeenCalled();
});

test('says once in ten seconds that results can not be stored, however many wait', async () => {
  const { clock, writes, logger } = setUp();
  for (let index = 0; index < 50; index++)
    void writes.run('retry', async () => Promise.reject(away)).catch(() => undefined);
  await clock.advanceSteps(9000, 50);
  expect(logger.error).toHaveBeenCalledTimes(1);
  await clock.advanceSteps(9000, 50);
  expect(logger.error).toHaveBeenCalledTimes(2);
});
