import { execFile } from 'node:child_process';
import { cpSync, symlinkSync, utimesSync } from 'node:fs';
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
  for (const name of ['package.json', 'package-lock.json', 'crds', 'examples', 'helm', 'src', 'test']) {
    cpSync(join(projectRoot, name), join(folder, name), { recursive: true, preserveTimestamps: true });
  }
  symlinkSync(join(projectRoot, 'node_modules'), join(folder, 'node_modules'));
  // Older than what is installed, so that nothing installs into the project's own node_modules.
  utimesSync(join(folder, 'package-lock.json'), 0, 0);
  return folder;
}

interface Outcome {
  readonly code: number;
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
  return new Promise((resolve) => {
    execFile('sh', ['-e', '-c', onReceiver(text)], { cwd: clone, env, timeout: 100_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), output: `${stdout}${stderr}` });
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
