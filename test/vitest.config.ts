import { defineConfig } from 'vitest/config';

if (!process.versions.node.startsWith('24.')) {
  throw new Error(`Run the tests with "npm test": they need Node 24, this is Node ${process.versions.node}`);
}

// `unit` needs nothing but Node; `integration` and `failure` need the binaries that `npm test` provides first. `failure` kills
// processes under load for minutes: `npm run test:failure`, one file after the other.
export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    pool: 'forks',
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['src/**/*.test.ts', 'test/failure/*.test.ts'] },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/**/*.test.ts'],
          exclude: ['test/failure/**'],
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
