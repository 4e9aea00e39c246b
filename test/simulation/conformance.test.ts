import { describe, test } from 'vitest';
import { conformanceCases } from './conformance-cases.ts';
import { onRealServer, onSimulation } from './conformance-environment.ts';

const seeds = 25;

// One suite on both: the simulation is worth what its server has in common with the real one.
describe.each(Object.entries(conformanceCases))('%s', (_, run) => {
  test('on a real server', async ({ onTestFinished }) => {
    await onRealServer(run, onTestFinished);
  });

  test('in the simulation', async () => {
    for (let seed = 1; seed <= seeds; seed++) await onSimulation(run, seed);
  });
});
