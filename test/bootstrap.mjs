// Runs a TypeScript file of this project on any machine that has Node 20 or newer and npm, with nothing installed yet:
//   node test/bootstrap.mjs <file.ts> [arguments…]
// Plain JavaScript on built-in modules only, because it runs before anything else is there.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const neededMajor = 24;
const root = fileURLToPath(new URL('..', import.meta.url));
const modules = join(root, 'node_modules');
const binaries = join(modules, '.bin');
const lockFile = join(root, 'package-lock.json');
const stampFile = join(modules, '.webhook-operator-installed');

const [file, ...args] = process.argv.slice(2);
if (file === undefined) fail('usage: node test/bootstrap.mjs <file.ts> [arguments…]');

if (!isInstalled()) {
  console.error('Installing the dependencies of package-lock.json (npm ci) …');
  const status = await run(...npm('ci', '--no-audit', '--no-fund'));
  if (status !== 0) fail(`npm ci failed with exit code ${status}`, status);
  writeFileSync(stampFile, lockHash());
}
process.exitCode = await run(findNode(), [file, ...args]);

/** Whether node_modules is what package-lock.json asks for. */
function isInstalled() {
  if (!existsSync(modules)) return false;
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === lockHash()) return true;
  // Somebody ran npm themselves: it notes in this file of its own what it installed.
  const npmsNote = join(modules, '.package-lock.json');
  return existsSync(npmsNote) && statSync(npmsNote).mtimeMs >= statSync(lockFile).mtimeMs;
}

function lockHash() {
  return createHash('sha256').update(readFileSync(lockFile)).digest('hex');
}

/** The npm that started us, else the one on PATH. */
function npm(...npmArgs) {
  const started = process.env.npm_execpath;
  return started?.endsWith('npm-cli.js') ? [process.execPath, [started, ...npmArgs]] : ['npm', npmArgs];
}

/** A Node that runs TypeScript: the one that package.json brings along, else the current one. */
function findNode() {
  const own = join(binaries, 'node');
  if (existsSync(own)) return own;
  if (Number(process.versions.node.split('.')[0]) >= neededMajor) return process.execPath;
  return fail(
    `There is no packaged Node for ${process.platform}-${process.arch}, and this is Node ${process.versions.node}: ` +
      `install Node ${neededMajor} or newer and start again.`,
  );
}

/** Resolves with the exit code; signals that we get are passed on. */
function run(command, commandArgs) {
  return new Promise((resolve) => {
    const child = spawn(command, commandArgs, {
      cwd: root,
      stdio: 'inherit',
      env: { ...process.env, PATH: `${binaries}${delimiter}${process.env.PATH ?? ''}` },
    });
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    const forward = (signal) => child.kill(signal);
    for (const signal of signals) process.on(signal, forward);
    const done = (code) => {
      for (const signal of signals) process.off(signal, forward);
      resolve(code);
    };
    child.once('error', (error) => {
      console.error(`can't run ${command}: ${error.message}`);
      done(1);
    });
    // As shells have it: ended by a signal is 128 + its number.
    child.once('exit', (code, signal) => done(code ?? 128 + constants.signals[signal]));
  });
}

function fail(message, status = 1) {
  console.error(message);
  process.exit(status);
}
