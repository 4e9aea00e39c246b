import { defineConfig } from 'vitest/config';

if (!process.versions.node.startsWith('24.')) {
  throw new Error(`Run the tests with "npm test": they need Node 24, this is Node ${process.versions.node}`);
}

// Two projects: `unit` needs nothing but Node; `integration` needs the binaries that `npm test` provides first.
export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    pool: 'forks',
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['src/**/*.test.ts'] },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/**/*.test.ts'],
          globalSetup: ['test/cluster/shared-setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 180_000,
          maxWorkers: 2,
        },
      },
    ],
  },
});
