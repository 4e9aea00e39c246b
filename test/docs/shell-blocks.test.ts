import { spawn } from 'node:child_process';
import { cpSync, readdirSync, symlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { manifests, startStack, type Stack } from '../cluster/stack.ts';
import { temporaryFolder } from '../cluster/scratch.ts';
import { startExampleReceiver, type ExampleReceiver } from '../receivers/example-receiver.ts';
import { codeBlocks, pages, projectRoot, readPage, type CodeBlock } from './markdown.ts';

// Every `sh` block of README.md and docs, in the order of its page, as a reader would run it beside `npm start`. One that
// can't be run is marked: ```sh notest reason="…".

const blocks = pages().flatMap((page) => codeBlocks(page, readPage(page)).filter(({ language }) => language === 'sh'));
const runnable = blocks.filter(({ info }) => !info.startsWith('notest'));

let stack: Stack;
let receiver: ExampleReceiver;
let clone: string;

beforeAll(async () => {
  stack = await startStack();
  receiver = await startExampleReceiver({ port: 0, print: () => undefined });
  await stack.controlPlane.apply(onReceiver(manifests('examples')));
  clone = copyOfProject();
});

afterAll(async () => {
  await receiver.close();
  await stack.stop();
});

/** What the pages call port 8787 may be somebody else's here. */
const onReceiver = (text: string) => text.replaceAll('127.0.0.1:8787', `127.0.0.1:${receiver.port}`);

/** What a block writes must not land in the project. */
function copyOfProject(): string {
  const folder = temporaryFolder('clone');
  const left = new Set(['node_modules', '.git', 'dist', 'coverage']);
  for (const name of readdirSync(projectRoot).filter((each) => !left.has(each))) {
    cpSync(join(projectRoot, name), join(folder, name), { recursive: true, preserveTimestamps: true });
  }
  symlinkSync(join(projectRoot, 'node_modules'), join(folder, 'node_modules'));
  // Older than what is installed, so that nothing installs into the project's own node_modules.
  utimesSync(join(folder, 'package-lock.json'), 0, 0);
  return folder;
}

/** Readers wait no longer either. */
const maxSeconds = 60;

interface Outcome {
  /** Null when it took too long. */
  readonly code: number | null;
  readonly output: string;
}

function run({ text }: CodeBlock): Promise<Outcome> {
  const { controlPlane, nats } = stack;
  const env = {
    ...process.env,
    KUBECONFIG: controlPlane.kubeconfig,
    PATH: `${controlPlane.tools}:${process.env['PATH'] ?? ''}`,
    NATS_URL: nats.url,
    RECEIVER_URL: `http://127.0.0.1:${receiver.port}`,
  };
  // A group of its own: what a block that takes too long has started ends with it.
  const child = spawn('sh', ['-e', '-c', onReceiver(text)], { cwd: clone, env, detached: true });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const timer = setTimeout(() => child.pid !== undefined && process.kill(-child.pid, 'SIGKILL'), maxSeconds * 1000);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, output });
    });
  });
}

test('every block that is not run says why', () => {
  const marked = blocks.filter((block) => !runnable.includes(block));
  expect(marked.filter(({ info }) => !/^notest reason="[^"]{10,}"$/.test(info))).toEqual([]);
});

test('no block escapes by another name of the language', () => {
  const languages = pages().flatMap((page) => codeBlocks(page, readPage(page)).map(({ language }) => language));
  expect([...new Set(languages)].toSorted()).toEqual(['js', 'sh', 'text', 'yaml']);
});

describe.each([...Map.groupBy(runnable, ({ page }) => page)])('%s', (_, ofPage) => {
  test.each(ofPage.map((block) => [`line ${block.line}: ${block.text.split('\n', 1)[0]}`, block] as const))(
    '%s',
    async (_, block) => {
      const { code, output } = await run(block);
      expect(code, output).toBe(0);
    },
  );
});
