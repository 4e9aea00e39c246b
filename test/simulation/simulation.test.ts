import { describe, expect, test } from 'vitest';
import { regressionSeeds } from './regression-seeds.ts';
import { simulate } from './run.ts';

/** Any number by option: `npm run simulate -- --seed … --runs …`. */
const runs = Number(process.env['SIMULATION_RUNS'] ?? 5000);
const chunks = 20;
const perChunk = Math.ceil(runs / chunks);

describe('the engine keeps its promises in', () => {
  test.each(Array.from({ length: chunks }, (_, index) => 1 + index * perChunk))(
    `seeds from %i on, ${perChunk} of them`,
    async (first) => {
      for (let seed = first; seed < first + perChunk; seed++) await expectNoViolation(seed);
    },
    300_000,
  );
});

test.each(regressionSeeds)('what once went wrong does not come back: $what', async ({ seed }) => {
  await expectNoViolation(seed);
});

async function expectNoViolation(seed: number): Promise<void> {
  const { violations } = await simulate(seed);
  expect(violations, `npm run simulate -- --seed ${seed} --runs 1`).toEqual([]);
}

test('a seed gives the same run again', async () => {
  const first = await simulate(42);
  const second = await simulate(42);
  expect(second.trace).toEqual(first.trace);
});
