import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { RequestBudget, type BudgetMember } from './request-budget.ts';

/** A lane in short: wants a number of requests, takes what it gets. */
class Wisher implements BudgetMember {
  readonly budget: RequestBudget;
  readonly name: string;
  readonly log: string[];
  wanted: number;
  inFlight = 0;

  constructor(budget: RequestBudget, wanted: number, name = '', log: string[] = []) {
    this.budget = budget;
    this.wanted = wanted;
    this.name = name;
    this.log = log;
  }

  budgetAvailable(): void {
    while (this.wanted > 0 && this.budget.tryTake(this)) {
      this.wanted -= 1;
      this.inFlight += 1;
      this.log.push(this.name);
    }
  }

  end(): void {
    this.inFlight -= 1;
    this.budget.release(this);
  }
}

function wishing(budget: RequestBudget, wanted: number): Wisher {
  const wisher = new Wisher(budget, wanted);
  wisher.budgetAvailable();
  return wisher;
}

describe('the budget of requests', () => {
  test('defaults to 2048', () => {
    expect(new RequestBudget().limit).toBe(2048);
  });

  test('gives one lane no more than half, however much it wants', () => {
    const budget = new RequestBudget(100);
    expect(wishing(budget, 1000).inFlight).toBe(50);
    expect(budget.used).toBe(50);
  });

  test('leaves healthy lanes their places beside one that hangs with all that it could get', () => {
    const budget = new RequestBudget(100);
    wishing(budget, 1000);
    for (let index = 0; index < 10; index += 1) expect(wishing(budget, 2).inFlight).toBe(2);
  });

  test('gives a lane a place even when its fair share is less than one', () => {
    const budget = new RequestBudget(8);
    const lanes = Array.from({ length: 8 }, () => wishing(budget, 1));
    expect(lanes.map(({ inFlight }) => inFlight)).toEqual(lanes.map(() => 1));
  });

  test('of one request serves one after another', () => {
    const budget = new RequestBudget(1);
    const first = wishing(budget, 1);
    const second = wishing(budget, 1);
    expect([first.inFlight, second.inFlight]).toEqual([1, 0]);
    first.end();
    expect(second.inFlight).toBe(1);
  });

  test('serves those that it refused in turn', () => {
    const budget = new RequestBudget(2);
    const holders = [wishing(budget, 1), wishing(budget, 1)];
    const log: string[] = [];
    const waiting = ['a', 'b', 'c'].map((name) => new Wisher(budget, 2, name, log));
    for (const wisher of waiting) wisher.budgetAvailable();
    expect(log).toEqual([]);
    const inFlight = [...holders];
    while (inFlight.length > 0) {
      inFlight.shift()?.end();
      for (const wisher of waiting) {
        while (wisher.inFlight > inFlight.filter((other) => other === wisher).length) inFlight.push(wisher);
      }
    }
    expect(log).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
  });

  test('calls nobody who no longer wants a place', () => {
    const budget = new RequestBudget(1);
    const holder = wishing(budget, 1);
    const other = wishing(budget, 1);
    other.wanted = 5;
    budget.forget(other);
    holder.end();
    expect(other.inFlight).toBe(0);
    expect(budget.used).toBe(0);
  });

  test('still knows a lane that gave up waiting while its request is in flight', () => {
    const budget = new RequestBudget(4);
    const lane = wishing(budget, 1);
    budget.forget(lane);
    // Two are busy: the share of each is one.
    const other = wishing(budget, 9);
    expect(other.inFlight).toBe(1);
    other.wanted = 0;
    lane.end();
    expect(budget.used).toBe(1);
  });

  test('asks on when those who were first in line no longer want anything', () => {
    const budget = new RequestBudget(1);
    const holder = wishing(budget, 1);
    const quiet = Array.from({ length: 100 }, () => wishing(budget, 1));
    const last = wishing(budget, 1);
    for (const wisher of quiet) wisher.wanted = 0;
    holder.end();
    expect(last.inFlight).toBe(1);
  });

  test('goes on with the line when a request ends before it began', () => {
    const budget = new RequestBudget(1);
    const holder = wishing(budget, 1);
    const failing: BudgetMember = {
      inFlight: 0,
      budgetAvailable: () => {
        if (budget.tryTake(failing)) budget.release(failing);
      },
    };
    failing.budgetAvailable();
    const next = wishing(budget, 1);
    holder.end();
    expect(next.inFlight).toBe(1);
    expect(budget.used).toBe(1);
  });

  test('asks a bounded number of those who are over their share', () => {
    const budget = new RequestBudget(200);
    let asked = 0;
    const lanes = Array.from({ length: 100 }, () => wishing(budget, 1));
    for (const lane of lanes) {
      lane.wanted = 1;
      lane.budgetAvailable();
      lane.budgetAvailable = () => {
        asked += 1;
        budget.tryTake(lane);
      };
    }
    const before = asked;
    lanes[0]?.end();
    expect(asked - before).toBeLessThanOrEqual(33);
  });
});

describe('whatever ends in whatever order', () => {
  const wishes = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 80, size: 'max' });

  test('the budget is never exceeded and everyone is served in the end', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), wishes, fc.infiniteStream(fc.nat()), (limit, wanted, picks) => {
        const budget = new RequestBudget(limit);
        const lanes = wanted.map((wish) => wishing(budget, wish));
        for (;;) {
          const inFlight = lanes.reduce((sum, lane) => sum + lane.inFlight, 0);
          expect(budget.used).toBe(inFlight);
          expect(inFlight).toBeLessThanOrEqual(limit);
          const busy = lanes.filter((lane) => lane.inFlight > 0);
          if (busy.length === 0) break;
          busy[picks.next().value % busy.length]?.end();
        }
        expect(lanes.map((lane) => lane.wanted)).toEqual(lanes.map(() => 0));
      }),
    );
  });
});
