/**
 * Bundles the operator into one file, `dist/webhook-operator.js`, which needs nothing but Node (`npm run build`).
 * Arguments: entry point and output file, for tests of the bundling itself.
 */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const [entryPoint = 'src/main.ts', outfile = 'dist/webhook-operator.js'] = process.argv.slice(2);

await build({
  absWorkingDir: root,
  entryPoints: [entryPoint],
  outfile,
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  // Names stay readable in stack traces; the file is read once, so its size hardly matters.
  minifySyntax: true,
  sourcemap: 'linked',
  sourcesContent: false,
  legalComments: 'linked',
  // CommonJS dependencies call require(), which an ES module does not have.
  banner: {
    js: "import { createRequire as createRequireOfBundle } from 'node:module'; const require = createRequireOfBundle(import.meta.url);",
  },
  logLevel: 'warning',
});
