import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { temporaryFolder } from '../cluster/scratch.ts';

const project = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** What the Dockerfile makes, as far as it runs without a container. */
export interface Image {
  /** The bundle that the image's entry point starts. */
  readonly bundle: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Builds the bundle as `npm run build` does, into a folder that goes with this process. */
export async function buildImage(): Promise<Image> {
  const bundle = join(temporaryFolder('image'), 'webhook-operator.js');
  await promisify(execFile)(process.execPath, [project('.ci/build.mjs'), 'src/main.ts', bundle]);
  const final =
    readFileSync(project('Dockerfile'), 'utf8')
      .split(/^FROM /m)
      .at(-1) ?? '';
  const [instruction = ''] = /^ENV (?:.*\\\n)*.*$/m.exec(final) ?? [];
  const pairs = [...instruction.matchAll(/(\w+)=(\S+)/g)].map(([, name = '', value = '']) => [name, value] as const);
  return { bundle, env: Object.fromEntries(pairs) };
}
