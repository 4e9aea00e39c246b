// npm run chaos -- [--minutes N] [--seed N] [--replicas N] [--r3] [--rate N]
import type { OnEnd } from '../failure/stand.ts';
import { runChaos } from './chaos.ts';
import { parseChaosArguments, usage } from './options.ts';

type End = Parameters<OnEnd>[0];

async function main(): Promise<number> {
  let options;
  try {
    options = parseChaosArguments(process.argv.slice(2));
  } catch (error) {
    console.error(`${String(error)}\n${usage}`);
    return 2;
  }
  const ends: End[] = [];
  let state: 'pass' | 'fail' = 'fail';
  try {
    const violations = await runChaos((end) => ends.push(end), options);
    if (violations.length === 0) state = 'pass';
    else console.log(`FAILED: ${violations.join('; ')}`);
  } catch (error) {
    console.log('FAILED:', error);
  }
  for (const end of ends.reverse()) {
    await end({ task: { result: { state } } }).catch((error: unknown) => console.log('Could not tidy up:', error));
  }
  if (state === 'fail') console.log(`Run it again: ${commandOf(options)}`);
  return state === 'pass' ? 0 : 1;
}

function commandOf(options: ReturnType<typeof parseChaosArguments>): string {
  const { minutes, seed, replicas, r3, rate } = options;
  return `npm run chaos -- --minutes ${minutes} --seed ${seed} --replicas ${replicas} --rate ${rate}${r3 ? ' --r3' : ''}`;
}

// What still listens or waits must not keep it: the processes that it started go with it.
process.exit(await main());
