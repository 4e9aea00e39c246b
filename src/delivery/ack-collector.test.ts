import { describe, expect, test } from 'vitest';

import { systemClock, type Clock } from '../clock.ts';
import { AckCollector } from './ack-collector.ts';
import { consumedMessage } from './message.fixture.ts';

function collecting() {
  const turns: (() => void)[] = [];
  const clock: Clock = { ...systemClock, defer: (callback) => void turns.push(callback) };
  const sent: number[] = [];
  const acks = new AckCollector(clock);
  const ack = (sequence: number) => acks.ack(consumedMessage({ sequence, ack: () => void sent.push(sequence) }));
  const endTurn = () => {
    for (const callback of turns.splice(0)) callback();
  };
  return { acks, ack, sent, turns, endTurn };
}

describe('acknowledgements', () => {
  test('of one turn of the event loop are sent together at its end, in order', () => {
    const { ack, sent, turns, endTurn } = collecting();
    [1, 2, 3].forEach(ack);
    expect(sent).toEqual([]);
    expect(turns).toHaveLength(1);
    endTurn();
    expect(sent).toEqual([1, 2, 3]);
  });

  test('of the next turn wait for its end again', () => {
    const { ack, sent, turns, endTurn } = collecting();
    ack(1);
    endTurn();
    ack(2);
    expect(turns).toHaveLength(1);
    endTurn();
    expect(sent).toEqual([1, 2]);
  });

  test('are sent at once on demand, and not again', () => {
    const { acks, ack, sent, endTurn } = collecting();
    ack(1);
    acks.flush();
    expect(sent).toEqual([1]);
    endTurn();
    expect(sent).toEqual([1]);
  });
});
