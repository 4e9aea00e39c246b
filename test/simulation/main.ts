// npm run simulate -- [--seed N] [--runs N] [--trace]
import { parseArgs } from 'node:util';
import { simulate } from './run.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    runs: { type: 'string', default: '1000' },
    trace: { type: 'boolean', default: false },
    'keep-going': { type: 'boolean', default: false },
  },
});
const first = Number(values.seed);
const runs = Number(values.runs);
const startedAt = performance.now();
let steps = 0;
let posts = 0;
let failed = 0;
let longest = { settledMs: 0, seed: 0 };
for (let seed = first; seed < first + runs; seed++) {
  const result = await simulate(seed);
  steps += result.steps;
  posts += result.posts;
  const settledMs = result.settledAt - result.scenario.quietFrom;
  if (settledMs > longest.settledMs) longest = { settledMs, seed };
  if (values.trace || (result.violations.length > 0 && !values['keep-going'])) console.log(result.trace.join('\n'));
  if (result.violations.length === 0) continue;
  failed++;
  console.log(`seed ${seed} failed:\n  ${result.violations.slice(0, 5).join('\n  ')}`);
  if (!values['keep-going']) {
    console.log(`Run it again: npm run simulate -- --seed ${seed} --runs 1`);
    break;
  }
}
const seconds = (performance.now() - startedAt) / 1000;
console.log(
  `${runs} runs from seed ${first}: ${failed} failed; ${posts} POSTs, ${steps} steps in ${seconds.toFixed(1)} s; ` +
    `the longest took ${Math.round(longest.settledMs / 1000)} s to settle (seed ${longest.seed})`,
);
process.exitCode = failed === 0 ? 0 : 1;
