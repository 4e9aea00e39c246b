import { defineConfig } from 'vitest/config';
import { pureCore } from './pure-core.ts';

if (!process.versions.node.startsWith('24.')) {
  throw new Error(`Run the tests with "npm test": they need Node 24, this is Node ${process.versions.node}`);
}

// `unit` needs nothing but Node; `integration` and `failure` need the binaries that `npm test` provides first. `failure` kills
// processes under load for minutes: `npm run test:failure`, one file after the other.
export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    pool: 'forks',
    coverage: {
      provider: 'v8',
      include: [...pureCore],
      // Complete files are no news.
      reporter: [['text', { skipFull: true }], 'html'],
      thresholds: { branches: 100, perFile: true },
    },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'test/failure/*.test.ts', 'test/conventions/**/*.test.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/**/*.test.ts'],
          exclude: ['test/failure/**', 'test/conventions/**'],
          globalSetup: ['test/cluster/shared-setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 180_000,
          maxWorkers: 2,
        },
      },
      {
        extends: true,
        test: {
          name: 'failure',
          include: ['test/failure/scenarios/*.test.ts'],
          testTimeout: 240_000,
          hookTimeout: 120_000,
          maxWorkers: 1,
        },
      },
    ],
  },
});
