import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { version } from '../../src/version.ts';

const run = promisify(execFile);
const project = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

describe('the bundle', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bundle-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('runs without node_modules, CommonJS dependencies and the version included', async () => {
    const outfile = join(folder, 'bundle.js');
    await run(process.execPath, [project('.ci/build.mjs'), project('test/build/sample-entry.ts'), outfile]);
    const { stdout } = await run(process.execPath, [outfile], { cwd: folder, env: {} });
    const line = JSON.parse(stdout) as Record<string, unknown>;
    expect(line).toMatchObject({ msg: 'Started', version });
    expect(line['bytes']).toBeGreaterThan(1000);
    // Stack traces lead to the sources.
    expect(await readFile(outfile, 'utf8')).toContain('//# sourceMappingURL=bundle.js.map');
  });
});

describe('the Dockerfile', () => {
  test('ends in an image with only the bundle, a numeric user, and the command that is used everywhere', async () => {
    const final = (await readFile(project('Dockerfile'), 'utf8')).split(/^FROM /m).at(-1) ?? '';
    expect(final.match(/^(?:COPY|ADD|RUN) .*$/gm)).toEqual(['COPY --from=build /build/dist/ dist/']);
    expect(final).toContain('USER 65532:65532');
    expect(final).toContain('ENTRYPOINT ["node", "dist/webhook-operator.js"]');
  });
});
