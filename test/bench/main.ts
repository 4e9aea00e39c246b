// `npm run bench`: the product against the bare loop, on this machine. See docs/performance.md.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../../src/errors.ts';
import { programs } from '../cluster/programs.ts';
import { progressTo, spoken } from '../cluster/progress.ts';
import { temporaryFolder } from '../cluster/scratch.ts';
import { runCell, runForProfile, type CellSetup } from './cell-run.ts';
import { startChild } from './child.ts';
import { loadWarning, machineDescription } from './machine.ts';
import { parseBenchOptions, usage, type BenchOptions } from './options.ts';
import { summarizeProfile, type CPUProfile } from './profile.ts';
import type { PublisherCommands } from './publisher-process.ts';
import type { ReceiverCommands } from './receiver-process.ts';
import * as report from './report.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const progress = progressTo();

try {
  const options = parseBenchOptions(process.argv.slice(2));
  if (options === undefined) console.log(usage);
  else await bench(options);
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
}

async function bench(options: BenchOptions): Promise<void> {
  const startedAt = performance.now();
  const receiver = startChild<ReceiverCommands>('receiver-process.ts');
  const publisher = startChild<PublisherCommands>('publisher-process.ts');
  try {
    const port = await receiver.call('listen', undefined);
    const common = {
      options,
      receiver,
      publisher,
      receiverUrl: `http://127.0.0.1:${port}`,
      progress: (state: string) => progress.at(state),
    };
    const warning = loadWarning();
    if (warning !== undefined) progress.say(warning);
    if (options.profile) await profile(options, { ...common, entryPoint: join(root, 'src/main.ts') });
    else await compare(options, { ...common, entryPoint: builtOperator(), env: {} }, warning);
    progress.say(`Done in ${spoken(performance.now() - startedAt)}.`);
  } finally {
    await Promise.all([receiver.stop(), publisher.stop()]);
  }
}

/** The bundle of the present source, as the image has it. */
function builtOperator(): string {
  const file = join(temporaryFolder('bundle'), 'webhook-operator.js');
  execFileSync(process.execPath, [join(root, '.ci/build.mjs'), 'src/main.ts', file], { cwd: root, stdio: 'inherit' });
  return file;
}

async function compare(options: BenchOptions, setup: CellSetup, warning: string | undefined): Promise<void> {
  const results: report.CellResult[] = [];
  for (const cell of options.cells) {
    const result = await runCell(cell, setup);
    results.push(result);
    // What was measured so far is worth something also when a later cell fails.
    progress.say(report.throughputTable([result]));
    if (result.lost > 0) progress.say(`${cell.name}: the operator counted ${result.lost} lost deliveries.`);
  }
  const { runs, events, concurrency, bareInFlight } = options;
  console.log(
    [
      `Machine: ${machineDescription()}; NATS ${programs['nats-server'].version}, kube-apiserver ${programs['kube-apiserver'].version}.`,
      `Medians of ${runs} runs, ${events} events of 1 KiB each, concurrency ${concurrency}, bare loop with ${bareInFlight} requests in flight.` +
        (warning === undefined ? '' : `\n\n**${warning}**`),
      '### Deliveries a second',
      report.throughputTable(results),
      '### CPU time per delivery, µs',
      report.cpuTable(results),
      ...(results.some(({ product }) => product.latency.length > 0)
        ? [`### From publishing to arrival at ${options.latencyRate} events a second, ms`, report.latencyTable(results)]
        : []),
      '### Webhooks applied until Active',
      report.activationTable(results),
      '### Targets',
      report.targetTable(results),
    ].join('\n\n'),
  );
}

async function profile(options: BenchOptions, setup: Omit<CellSetup, 'env'>): Promise<void> {
  const folder = resolve(options.profileFolder);
  mkdirSync(folder, { recursive: true });
  const known = new Set(profilesIn(folder));
  const [cell] = options.cells;
  if (cell === undefined) return;
  // Not the bundle: its files would all be one.
  const env = { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${folder}` };
  const window = await runForProfile(cell, { ...setup, env });
  const [file] = profilesIn(folder).filter((name) => !known.has(name));
  if (file === undefined) throw new Error(`the operator left no profile in ${folder}`);
  const summary = summarizeProfile(JSON.parse(readFileSync(join(folder, file), 'utf8')) as CPUProfile, window, root);
  console.log(
    [
      `${cell.name}: ${Math.round(window.deliveriesPerSecond)} deliveries a second under the profiler.`,
      report.profileTables(summary),
      `The whole profile, from start to stop: ${join(folder, file)}`,
    ].join('\n\n'),
  );
}

function profilesIn(folder: string): string[] {
  return readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'));
}
